//! Opens the files, and opens them again after the disk was full.
//!
//! A full disk is the one failure that goes away by itself. The store stays
//! unavailable meanwhile, and each call after the pause tries again.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{error::OpenError, records::Records, settings::DurableSettings};
use crate::idempotency::{scope::Name, store::StoreError, waiters::Waiters};

/// The shortest pause between two attempts.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// The bytes that the disk must have room for, and the file that shows it.
const PROBE_BYTES: usize = 1 << 20;
/// The name of the file, in the folder of the store.
const PROBE_FILE: &str = "probe";

/// Everything that is needed to open the files.
pub(super) struct Reopen {
    /// The folder of the store.
    folder: PathBuf,
    /// The settings, which each opening needs.
    settings: DurableSettings,
    /// Shared by all openings, so that callers keep waiting at the same place.
    waiters: Arc<Waiters<Name>>,
    /// When the next attempt may be made.
    next: Instant,
}

impl Reopen {
    /// Creates it so that the first attempt may be made at once.
    pub(super) fn new(
        folder: PathBuf,
        settings: DurableSettings,
        waiters: Arc<Waiters<Name>>,
    ) -> Self {
        Self {
            folder,
            settings,
            waiters,
            next: Instant::now(),
        }
    }

    /// Opens the files.
    pub(super) fn open(&self) -> Result<Records, OpenError> {
        let waiters = Arc::clone(&self.waiters);
        Records::open(&self.folder, self.settings.clone(), waiters)
    }

    /// Pauses from now on before the next attempt.
    pub(super) fn pause(&mut self) {
        self.next = Instant::now() + MIN_PAUSE;
    }

    /// Opens the files if the pause is over and the disk has room; `None`
    /// during the pause.
    pub(super) fn try_open(&mut self) -> Option<Result<Records, StoreError>> {
        let began = Instant::now();
        if began < self.next {
            return None;
        }
        let probed = self.probe().map_err(StoreError::unavailable);
        let records = probed.and_then(|()| self.open().map_err(StoreError::unavailable));
        // Files that take long to open are opened less often.
        self.next = Instant::now() + MIN_PAUSE.max(4 * began.elapsed());
        Some(records)
    }

    /// Returns whether a store that has failed may be reopened by itself.
    ///
    /// It may if its disk was full, because nothing but the last write is
    /// missing then. After any other failure, the files may read differently
    /// from what is on the disk, so a person has to look. If the reason is
    /// unknown, the disk has to be full now.
    pub(super) fn may_reopen(&self, failed: &StoreError) -> bool {
        match Failure::of(failed) {
            Failure::Full => true,
            Failure::Unknown => self.probe().is_err_and(|error| is_full(error.kind())),
            Failure::Other => false,
        }
    }

    /// Checks that the disk has room, which costs less than to open the files
    /// in vain.
    fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(PROBE_FILE);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_all()
        });
        written.and(fs::remove_file(path))
    }
}

/// Why the files cannot be written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The disk was full.
    Full,
    /// A write in the background has failed, without a reason.
    Unknown,
    Other,
}

impl Failure {
    /// Returns the reason that this error has.
    fn of(failed: &StoreError) -> Self {
        let StoreError::Unavailable(source) = failed else {
            return Self::Other;
        };
        let mut source: Option<&(dyn Error + 'static)> = Some(&**source);
        while let Some(error) = source {
            if let Some(fjall::Error::Poisoned) = error.downcast_ref() {
                return Self::Unknown;
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return match is_full(error.kind()) {
                    true => Self::Full,
                    false => Self::Other,
                };
            }
            source = error.source();
        }
        Self::Other
    }
}

/// Returns whether the operating system refused a write for lack of room.
fn is_full(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;
    use crate::{
        clock::Manual,
        idempotency::{Fsync, Token, durable::time::clock_fn},
    };

    /// Returns whether a store with room on its disk is reopened after this.
    fn reopens(failed: fjall::Error) -> bool {
        let folder = env::temp_dir().join(format!("sluicegate-reopen-{}", Token::random()));
        fs::create_dir(&folder).unwrap();
        let settings = DurableSettings {
            capacity: 1 << 20,
            fsync: Fsync::Never,
            clock: clock_fn(Manual::new()),
            wall: clock_fn(Manual::new()),
        };
        let reopen = Reopen::new(folder.clone(), settings, Arc::default());
        let reopens = reopen.may_reopen(&StoreError::unavailable(failed));
        fs::remove_dir_all(folder).unwrap();
        reopens
    }

    #[test]
    fn only_a_full_disk_is_reopened_by_itself() {
        let by = |kind| fjall::Error::Io(io::Error::from(kind));
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert!(reopens(by(kind)));
        }
        assert!(!reopens(by(ErrorKind::Other)) && !reopens(by(ErrorKind::PermissionDenied)));
        // The disk of the test has room, so something else has failed.
        assert!(!reopens(fjall::Error::Poisoned));
        assert_eq!(Failure::of(&StoreError::Full), Failure::Other);
    }
}
