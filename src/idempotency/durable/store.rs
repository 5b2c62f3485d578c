//! Records on the disk of one machine.

use std::{fmt, path::Path, time::Duration};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use crate::idempotency::{
    claim::{Claim, ClaimRequest, LeaseStatus},
    fingerprint::Fingerprint,
    scope::Name,
    store::{Store, StoreError},
    token::Token,
};

use super::{
    book::Book,
    clerk::{Job, News, Order},
};
use super::{builder::DurableBuilder, counts::DurableCounts, error::OpenError};

/// Records on the disk of one machine, in the embedded store
/// [`fjall`](https://docs.rs/fjall): for one instance whose answers are to outlive
/// it.
///
/// It is a handle, and clones are one store. Nobody else can open the same folder
/// meanwhile: that is [`Locked`](OpenError::Locked).
///
/// # What it promises
///
/// | | the process dies | the machine dies |
/// |---|---|---|
/// | work that is complete | is answered the same | the same; not with [`Fsync::Never`](super::Fsync::Never) |
/// | work that runs | is leased until its lease lapses, and then up to [`Takeover`](crate::idempotency::Takeover) | the same; with [`Fsync::Always`](super::Fsync::Always) only |
/// | a lease that was renewed or given back | is known | may be as it was before |
///
/// That is as far as the disk keeps what it confirms. Should the disk be full, nothing
/// is said to be done that is not, and each call is [`Away`](StoreError::Away) until
/// there is room again: from one second on after the failure, a call has the store
/// opened anew, if 1 MiB can be written. Should the disk fail in another way, each call
/// is `Away` until somebody opens the store, because what is read back then may not be
/// what is on the disk.
///
/// Files that were damaged, or of which a part is missing, are refused when the
/// store is opened, or when that part is read, as far as checksums tell. Whatever
/// the disk has confirmed is also counted beside the files, so that a journal which
/// lacks it is not taken for one that a crash has cut off. To copy them, close the
/// store first.
///
/// # Time
///
/// Leases and records lapse by the store's own time. While it is open, that is
/// monotonic time, whatever becomes of the date. While it is closed, it goes by the
/// date, of which an hour counts at most, and no step back. So no wrong date lets
/// anything live for ever, or ends a record of a day; and records are kept longer
/// by the rest of a longer pause.
///
/// # Room
///
/// All records together take at most 1 GiB, unless that is
/// [set](DurableBuilder::capacity): of each that is its bytes, and 256 more for
/// what is around it. Records that have expired make room by themselves, as others
/// are claimed. When there is none left, the completed record that expires next is
/// forgotten early: [`counts`](Self::counts) tells how often that happened. What
/// is running, or ended nobody knows how, is never forgotten early: then a claim
/// fails with [`Full`](StoreError::Full).
///
/// The files take more: a journal of up to 256 MiB, and what was forgotten until it
/// is compacted away. In memory are a cache of 16 MiB and what came last, up to
/// 16 MiB of it, however much is kept.
///
/// # Cost
///
/// One thread does it all, and no call blocks the runtime. A claim and a completion
/// wait for the disk once each; those that come at the same time share that.
///
/// Measured by `cargo bench -p benches --bench idempotency`, with records of 1 KiB on two busy
/// cores and a disk whose fsync takes 0.2 ms and more:
///
/// | | alone | 64 at once, for each |
/// |---|---|---|
/// | a claim and a completion | 1.3 ms | 150 us |
/// | the same with [`Fsync::Completions`](super::Fsync::Completions) | 0.6 ms | 135 us |
/// | the same with [`Fsync::Never`](super::Fsync::Never) | 60 us | 30 us |
/// | a claim of what is complete | 10 us | 5 us |
///
/// To open a store reads an entry of 49 bytes for each record, to count what they take,
/// so that it takes longer the more there are; calls wait meanwhile. With a million
/// records it takes 1.0 s (`cargo bench -p benches --bench idempotency -- open/`, two cores).
///
/// # Differences from others
///
/// * In a table of SQLite the same can be done, with an `INSERT` for a claim. Each
///   is a transaction then, with an fsync of its own unless one gathers them; so
///   too in `redb`, which writes pages anew where a journal is appended to. What has
///   expired has to be deleted by somebody.
/// * A file for each key, renamed into its place, is an fsync of the file and one of
///   the folder, and an inode for each; and two processes may well have it open.
/// * An instant on the wall clock, as is kept elsewhere, lapses when the date is set:
///   see [time](#time).
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
    orders: mpsc::Sender<Order>,
    news: watch::Receiver<News>,
}

impl Durable {
    /// Opens the store in this folder, or makes a new one there, with the settings
    /// of [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// When another has it open, or it cannot be read.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(folder).await
    }

    /// A store of which more is to be said.
    pub fn builder() -> DurableBuilder {
        DurableBuilder::new()
    }

    pub(super) fn new(orders: mpsc::Sender<Order>, news: watch::Receiver<News>) -> Self {
        Self { orders, news }
    }

    /// What it holds, and what it had to forget.
    pub fn counts(&self) -> DurableCounts {
        self.news.borrow().counts
    }

    /// Closes it for all clones, and ends when others may open it. Whatever is
    /// asked of a clone from then on is [`Away`](StoreError::Away).
    ///
    /// Without it a store is closed some time after its last clone is dropped, and
    /// nothing is lost either.
    ///
    /// Dropped, it closes all the same, if it was polled once.
    pub async fn close(mut self) {
        let _ = self.orders.send(Order::Close).await;
        while self.news.changed().await.is_ok() {}
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Book) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (teller, told) = oneshot::channel();
        let job: Job = Box::new(move |book| {
            let answer = work(book);
            Box::new(move |saved| {
                // Who asked may be gone.
                let _ = teller.send(answer.and_then(|answer| saved.map(|()| answer)));
            })
        });
        let sent = self.orders.send(Order::Do(job)).await;
        sent.map_err(|_| self.gone())?;
        told.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> StoreError {
        let failed = self.news.borrow().failed.clone();
        failed.unwrap_or_else(|| StoreError::away("it was closed"))
    }
}

impl Store for Durable {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.ask(move |book| book.claim(name, request)).await
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.ask(move |book| book.renew(name, token, lease)).await
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let complete = move |book: &mut Book| book.complete(name, token, record, keep);
        self.ask(complete).await
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
        let restore = move |book: &mut Book| book.restore(name, by, record, keep);
        self.ask(restore).await
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        self.ask(move |book| book.release(name, token)).await
    }

    async fn settled(&self, name: Name) {
        let (bell, rung) = oneshot::channel();
        if self.ask(move |book| book.watch(name, bell)).await.is_ok() {
            // It is dropped, and nothing is sent.
            let _ = rung.await;
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
