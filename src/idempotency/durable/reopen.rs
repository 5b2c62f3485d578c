//! Opening a store anew whose disk was full.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{book::Book, builder::Settings};
use crate::idempotency::store::StoreError;

/// How long to wait at least before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the disk has to have room for, and the file that is to show it.
const PROBE: usize = 1 << 20;
const NAME: &str = "probe";

/// What it takes to open a store anew.
pub(super) struct Reopen {
    folder: PathBuf,
    settings: Settings,
    /// When it may be tried again.
    next: Instant,
}

impl Reopen {
    pub(super) fn new(folder: PathBuf, settings: Settings) -> Self {
        Self {
            folder,
            settings,
            next: Instant::now(),
        }
    }

    /// Waits from now on before it tries.
    pub(super) fn wait(&mut self) {
        self.next = Instant::now() + PAUSE;
    }

    /// Opens the store, if it is time and the disk has room; `None` if it is not time.
    pub(super) fn book(&mut self) -> Option<Result<Book, StoreError>> {
        let began = Instant::now();
        if began < self.next {
            return None;
        }
        let book = self.open();
        // A store that takes long to open is opened the more rarely.
        self.next = Instant::now() + PAUSE.max(4 * began.elapsed());
        Some(book)
    }

    fn open(&self) -> Result<Book, StoreError> {
        self.probe().map_err(StoreError::away)?;
        Book::open(&self.folder, self.settings.clone()).map_err(StoreError::away)
    }

    /// Whether anything can be written, which is cheaper to know than to open a store
    /// for nothing.
    fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(NAME);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE])?;
            file.sync_all()
        });
        written.and(fs::remove_file(path))
    }
}

/// Whether a store that failed so may be opened anew without anybody looking at it
/// first: only what could not be written is missing then. After any other failure of
/// the disk, what is read back may not be what is there.
pub(super) fn is_for_want_of_room(failed: &StoreError) -> bool {
    let StoreError::Away(source) = failed else {
        return false;
    };
    let mut source: Option<&(dyn Error + 'static)> = Some(&**source);
    while let Some(error) = source {
        // An earlier write has failed, and nothing is written since.
        if let Some(fjall::Error::Poisoned) = error.downcast_ref() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return is_full(error.kind());
        }
        source = error.source();
    }
    false
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_no_reason_to_look_at_it() {
        let by = |kind| {
            let error = fjall::Error::Io(io::Error::from(kind));
            is_for_want_of_room(&StoreError::away(error))
        };
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert!(by(kind));
        }
        assert!(!by(ErrorKind::Other) && !by(ErrorKind::PermissionDenied));
        assert!(is_for_want_of_room(&StoreError::away(
            fjall::Error::Poisoned
        )));
        assert!(!is_for_want_of_room(&StoreError::Full));
    }
}
