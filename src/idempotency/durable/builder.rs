//! The builder of a durable store, which starts its thread.

use std::{
    any::Any,
    fmt, io,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    error::OpenError,
    expiry::RECORD_OVERHEAD_BYTES,
    records::Records,
    reopen::Reopen,
    settings::{DurableSettings, Fsync},
    store::Durable,
    time::clock_fn,
    writer::{MAX_ROUND, Writer, WriterState},
};
use crate::{clock::Clock, idempotency::waiters::Waiters};

/// Builds a [`Durable`] store.
#[must_use = "a builder does nothing until it is opened"]
pub struct DurableBuilder(DurableSettings);

impl DurableBuilder {
    /// Creates a builder with the default settings.
    pub(super) fn new() -> Self {
        Self(DurableSettings::default())
    }

    /// Sets how many bytes all records may take together. The default is 1 GiB.
    /// See [room](Durable#room).
    ///
    /// # Panics
    ///
    /// If it is less than the 256 bytes of one record.
    ///
    /// A store may be opened with less than it holds: it evicts records as
    /// others come.
    #[track_caller]
    pub fn capacity(mut self, bytes: u64) -> Self {
        assert!(
            bytes >= RECORD_OVERHEAD_BYTES,
            "invalid capacity {bytes}: must be at least {RECORD_OVERHEAD_BYTES} bytes"
        );
        self.0.capacity = bytes;
        self
    }

    /// Sets which calls wait for the disk. By default claims and completions
    /// do.
    ///
    /// ```
    /// use sluicegate::idempotency::{Durable, Fsync};
    ///
    /// let builder = Durable::builder().capacity(4 << 30).fsync(Fsync::Completions);
    /// ```
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.0.fsync = fsync;
        self
    }

    /// Sets the clock while the store is open. The default is
    /// [`Monotonic`](crate::clock::Monotonic).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = clock_fn(clock);
        self
    }

    /// Sets the clock that shows how long the store was closed. The default is
    /// [`Wall`](crate::clock::Wall). See [time](Durable#time).
    pub fn wall(mut self, wall: impl Clock) -> Self {
        self.0.wall = clock_fn(wall);
        self
    }

    /// Opens the store in this folder, or creates one there.
    ///
    /// It starts a thread, which ends when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// If another handle has the store open, or it cannot be read. It never
    /// panics.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<Durable, OpenError> {
        let (sender, commands) = mpsc::channel(MAX_ROUND);
        let (state, latest) = watch::channel(WriterState::default());
        let (opened, result) = oneshot::channel();
        let waiters = Arc::new(Waiters::default());
        let folder = folder.as_ref().to_path_buf();
        let reopen = Reopen::new(folder, self.0, Arc::clone(&waiters));
        let thread = spawn(move || {
            if let Some(records) = open(&reopen, &state, opened) {
                let writer = Writer {
                    records: Some(records),
                    reopen,
                    commands,
                    state,
                };
                writer.run();
            }
        });
        let thread = thread.map_err(OpenError::unreadable)?;
        result.await.unwrap_or_else(|_| Err(panicked(thread)))?;
        Ok(Durable::new(sender, latest, waiters))
    }
}

/// Starts the writer's thread. It is not a task, because files block.
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name("sluicegate-durable".into());
    thread.spawn(work)
}

/// Opens the records, and reports the result to the caller.
fn open(
    reopen: &Reopen,
    state: &watch::Sender<WriterState>,
    opened: oneshot::Sender<Result<(), OpenError>>,
) -> Option<Records> {
    let (records, result) = match reopen.open() {
        Ok(records) => {
            // First the counts, because the caller may read them once it is
            // told.
            state.send_replace(WriterState::of(&records));
            (Some(records), Ok(()))
        }
        Err(error) => (None, Err(error)),
    };
    // A caller that gave up has dropped the commands, too, so the thread ends.
    let _ = opened.send(result);
    records
}

/// Returns the error for a panic while the files were read: damaged files may
/// make their reader panic.
fn panicked(thread: JoinHandle<()>) -> OpenError {
    let panic = thread.join().err();
    let text = panic.as_deref().and_then(panic_text).unwrap_or("a panic");
    OpenError::unreadable(text)
}

/// Returns the message of a panic.
fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied())
}

impl fmt::Debug for DurableBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableBuilder")
            .field("capacity", &self.0.capacity)
            .field("fsync", &self.0.fsync)
            .finish_non_exhaustive()
    }
}
