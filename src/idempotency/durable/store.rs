//! The public handle of the store on disk.
//!
//! It sends each call as an operation to the writer's thread, and awaits the
//! answer.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    builder::DurableBuilder,
    error::OpenError,
    records::Records,
    writer::{Command, Operation, WriterState},
};
use crate::idempotency::{
    claim::{Claim, ClaimRequest, LeaseStatus},
    fingerprint::Fingerprint,
    scope::Name,
    store::{Store, StoreCounts, StoreError},
    token::Token,
    waiters::Waiters,
};

/// Records on the disk of one machine, in the embedded database
/// [`fjall`](https://docs.rs/fjall): for a single instance whose responses must
/// outlive it.
///
/// It is a handle, and clones are one store. While it is open, the folder is
/// locked: a second `open` fails with [`Locked`](OpenError::Locked).
///
/// # Guarantees
///
/// | | the process crashes | the machine crashes |
/// |---|---|---|
/// | completed work | its response is repeated | the same; not with [`Fsync::Never`](super::Fsync::Never) |
/// | running work | is leased until its lease lapses, then [`Takeover`](crate::idempotency::Takeover) decides | the same with [`Fsync::Always`](super::Fsync::Always) only |
/// | a lease that was renewed or released | is known | may be as before |
///
/// They hold as far as the disk keeps what it confirms. If the disk is full,
/// each call is [`Unavailable`](StoreError::Unavailable) and nothing is
/// confirmed, until there is room again: from one second after the failure on,
/// a call reopens the store if 1 MiB can be written. If the disk fails in
/// another way, each call is `Unavailable` until the application opens the
/// store again, because the files may read differently from what is on the
/// disk.
///
/// Damaged or missing files make `open` fail, or the read of the missing part,
/// as far as checksums show it. The number of confirmed writes is also kept
/// beside the files, so that a damaged journal is not mistaken for one that a
/// crash has cut off. Close the store before you copy its files.
///
/// # Time
///
/// Leases and records lapse by the store's own time. While the store is open,
/// that is monotonic time, and the date does not matter. While it is closed,
/// the date counts, but at most an hour of it, and no step back. So no wrong
/// date keeps a state for ever, or ends a record that is kept for a day. After
/// a longer pause, records are kept for that much longer.
///
/// # Room
///
/// All records together take at most 1 GiB, unless another
/// [capacity](DurableBuilder::capacity) is set. Each counts with its own bytes
/// and 256 more. Expired records are removed as others are claimed. When no
/// room is left, the completed record that expires next is evicted;
/// [`counts`](Self::counts) shows how many were. Work that runs, or whose
/// outcome is unknown, is never evicted: a claim fails with
/// [`Full`](StoreError::Full) then.
///
/// The files take more: a journal of up to 256 MiB, and removed records until
/// they are compacted away. Memory holds a cache of 16 MiB and up to 16 MiB of
/// the latest writes, whatever the number of records.
///
/// # Cost
///
/// One thread does all the work, and no call blocks the runtime. A claim and a
/// completion wait for the disk once each. Calls at the same time share that
/// wait.
///
/// Measured by `cargo bench -p benches --bench idempotency`, with records of 1
/// KiB on two busy cores and a disk whose fsync takes 0.2 ms and more:
///
/// | | alone | each of 64 at once |
/// |---|---|---|
/// | a claim and a completion | 1.3 ms | 150 us |
/// | the same with [`Fsync::Completions`](super::Fsync::Completions) | 0.6 ms | 135 us |
/// | the same with [`Fsync::Never`](super::Fsync::Never) | 60 us | 30 us |
/// | a claim of completed work | 10 us | 5 us |
///
/// Opening a store reads an entry of 49 bytes for each record, to count the
/// bytes that they take. With a million records that takes 1.0 s, and calls
/// wait meanwhile (`cargo bench -p benches --bench idempotency -- open/`, two
/// cores).
///
/// # Differences from others
///
/// * A table of SQLite can do the same, with an `INSERT` for each claim. Each
///   is a transaction with its own fsync, unless the application groups them.
///   The same holds for `redb`, which rewrites pages instead of appending to a
///   journal. The application has to delete expired rows.
/// * A file for each key, renamed into place, takes an fsync of the file and
///   one of the folder, and an inode. Two processes can have the folder open.
/// * An expiry on the wall clock, as others keep it, moves when the date is
///   set: see [time](#time).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sluicegate::idempotency::{Durable, Fsync};
///
/// # let folder = std::env::temp_dir().join(format!("sluicegate-doc-{}", std::process::id()));
/// let store = Durable::builder()
///     .capacity(4 << 30)
///     .fsync(Fsync::Completions)
///     .open(&folder)
///     .await?;
/// assert_eq!(store.counts().records, 0);
/// store.close().await;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Durable {
    /// The queue of the writer.
    commands: mpsc::Sender<Command>,
    /// The writer's counts, and why it failed.
    state: watch::Receiver<WriterState>,
    /// The waiting callers, which the writer notifies.
    waiters: Arc<Waiters<Name>>,
}

impl Durable {
    /// Opens the store in this folder, or creates one there, with the default
    /// settings of [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// If another handle has it open, or it cannot be read.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), sluicegate::idempotency::OpenError> {
    /// use sluicegate::idempotency::Durable;
    ///
    /// let store = Durable::open("/var/lib/shop/idempotency").await?;
    /// # Ok(()) }
    /// ```
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(folder).await
    }

    /// Returns a builder for a store with other settings.
    pub fn builder() -> DurableBuilder {
        DurableBuilder::new()
    }

    /// Creates the handle of a writer that runs.
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        state: watch::Receiver<WriterState>,
        waiters: Arc<Waiters<Name>>,
    ) -> Self {
        Self {
            commands,
            state,
            waiters,
        }
    }

    /// Returns what the store holds, and how many records it had to evict.
    ///
    /// They are those of the last round, and cost no call to the writer.
    pub fn counts(&self) -> StoreCounts {
        self.state.borrow().counts
    }

    /// Closes the store for all clones, and ends when it may be opened again.
    /// Later calls of a clone are [`Unavailable`](StoreError::Unavailable).
    ///
    /// A store that is not closed ends some time after its last clone is
    /// dropped, and loses nothing either. If the future is dropped after it was
    /// polled once, the store closes all the same.
    pub async fn close(mut self) {
        let _ = self.commands.send(Command::Close).await;
        while self.state.changed().await.is_ok() {}
    }

    /// Runs an operation on the writer's thread. Ends when it is saved.
    ///
    /// If the future is dropped, the operation runs all the same.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Records) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let operation: Operation = Box::new(move |records| {
            let answer = work(records);
            Box::new(move |saved| {
                // The caller may have given up.
                let _ = sender.send(answer.and_then(|answer| saved.map(|()| answer)));
            })
        });
        let sent = self.commands.send(Command::Run(operation)).await;
        sent.map_err(|_| self.reason())?;
        answer.await.unwrap_or_else(|_| Err(self.reason()))
    }

    /// Returns why the writer does not run operations.
    ///
    /// A store that was closed has no error of its own.
    fn reason(&self) -> StoreError {
        let failed = self.state.borrow().failed.clone();
        failed.unwrap_or_else(|| StoreError::unavailable("it was closed"))
    }
}

impl Store for Durable {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.run(move |records| records.claim(name, request)).await
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.run(move |records| records.renew(name, token, lease))
            .await
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.run(move |records| records.complete(name, token, record, keep))
            .await
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let by = (fingerprint, token);
        self.run(move |records| records.restore(name, by, record, keep))
            .await
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        self.run(move |records| records.release(name, token)).await
    }

    async fn settled(&self, name: Name) {
        let waiter = self.waiters.register(name);
        let notified = waiter.notified();
        if let Ok(true) = self.run(move |records| records.is_running(name)).await {
            notified.await;
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
