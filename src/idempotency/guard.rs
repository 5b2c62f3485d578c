//! Holds a lease while the work runs, and tells the store how the work ended.

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    claim::LeaseStatus,
    lease::{
        Lease, heartbeat::Heartbeat, queue::RenewalQueue, renewal::Renewal, settings::LeaseSettings,
    },
    observe::Event,
    record::Record,
    store::{Store, StoreError},
};

/// Holds a lease while the work runs. It renews the lease each third of its
/// time, unless the store [pins](Store::pin) it, until the work is
/// [completed](Self::complete) or [released](Self::release).
///
/// # Dropped
///
/// A guard that is dropped without either leaves the outcome unknown, so
/// nothing is released: the lease lapses in its own time, and then
/// [`Takeover`](super::Takeover) decides what becomes of the work.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sluicegate::idempotency::StoreError> {
/// use sluicegate::idempotency::{
///     Claimant, Claimed, CompletionStatus, Fingerprint, Local, Scope,
/// };
///
/// let claimant = Claimant::new(Local::new());
/// let (name, fingerprint) = (Scope::new("mails").name("17"), Fingerprint::of("to Ann"));
/// if let Claimed::Run(guard) = claimant.claim(name, fingerprint).await? {
///     // The mail server is down, so nothing was sent.
///     assert_eq!(guard.release().await, CompletionStatus::Saved);
/// }
/// let again = claimant.claim(name, fingerprint).await?;
/// assert!(matches!(again, Claimed::Run(_)));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped leaves the outcome of the work unknown"]
pub struct Guard<S: Store> {
    /// Renews the lease until the guard is dropped.
    heartbeat: Heartbeat<S>,
    /// Whether the end was reported to the observer.
    ended: bool,
}

/// Whether the store knows how the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionStatus {
    /// It does.
    Saved,
    /// It did not answer, or it is full. A background task repeats the report
    /// for as long as a lease lasts.
    ///
    /// If the process dies before that, or the store fails for longer, the
    /// outcome is unknown to everyone else: the next claimant runs the work
    /// again, or is refused.
    Unsaved,
    /// The lease had gone to another holder, whose result counts. This is not
    /// returned if the store has merely [lost](Store::restore) the work.
    Lost,
}

impl<S: Store> Guard<S> {
    /// Starts to hold a lease that was just claimed.
    pub(super) fn new(renewal: Renewal<S>, queue: RenewalQueue<S>) -> Self {
        Self {
            heartbeat: Heartbeat::start(renewal, queue),
            ended: false,
        }
    }

    /// Returns the lease. Clone it for the work.
    pub fn lease(&self) -> &Lease {
        &self.renewal().lease
    }

    /// Reports that the work is done, and has this record kept. If the store
    /// has no room for it, the record is kept without its body.
    ///
    /// A future that is dropped leaves the outcome unknown, unless the store
    /// has the report already.
    pub async fn complete(self, record: Record) -> CompletionStatus {
        let end = self.completed(&record);
        self.end(end).await
    }

    /// Reports that no part of the work was done, so that the next claimant may
    /// begin at once.
    ///
    /// A future that is dropped leaves the outcome unknown, unless the store
    /// has the report already.
    pub async fn release(self) -> CompletionStatus {
        self.end(LeaseEnd::Released).await
    }

    /// Encodes the record with which the work ends.
    pub(super) fn completed(&self, record: &Record) -> LeaseEnd {
        LeaseEnd::Completed(record.encode_from(self.settings().compress_from))
    }

    /// Tells the store how the work ended; goes on in the background if the
    /// store fails.
    pub(super) async fn end(mut self, end: LeaseEnd) -> CompletionStatus {
        let status = match self.report(&end).await {
            Ok(LeaseStatus::Held) => CompletionStatus::Saved,
            Ok(LeaseStatus::Lost) => CompletionStatus::Lost,
            Err(_) => CompletionStatus::Unsaved,
        };
        // From here on, a drop reports no abandoned work: the end is known
        // here, even if the store does not know it.
        self.ended = true;
        self.settings().notice(end.event(status));
        if status == CompletionStatus::Unsaved {
            let tracker = self.settings().tracker.clone();
            tracker.spawn(self.keep_reporting(end));
        }
        status
    }

    /// Returns the lease, and what is needed to end it.
    fn renewal(&self) -> &Renewal<S> {
        &self.heartbeat.renewal
    }

    fn settings(&self) -> &LeaseSettings<S> {
        &self.renewal().settings
    }

    /// Tells the store once how the work ended, and reports a failure.
    async fn report(&self, end: &LeaseEnd) -> Result<LeaseStatus, StoreError> {
        let status = self.report_once(end).await;
        if status.is_err() {
            self.settings().notice(Event::StoreFailed);
        }
        status
    }

    /// Tells the store how the work ended. If the store is full, it keeps at
    /// least that the work was done.
    async fn report_once(&self, end: &LeaseEnd) -> Result<LeaseStatus, StoreError> {
        let LeaseEnd::Completed(record) = end else {
            let (name, token) = (self.renewal().name, self.lease().token());
            return self.settings().store.release(name, token).await;
        };
        let status = self.save(record.clone()).await;
        let Err(StoreError::Full) = status else {
            return status;
        };
        let record = Record::decode(record)?.without_body();
        self.save(record.encode()).await
    }

    /// Saves the record. If the store has lost the work, it is restored,
    /// because only this guard has its result.
    async fn save(&self, record: Bytes) -> Result<LeaseStatus, StoreError> {
        let Renewal {
            name, fingerprint, ..
        } = *self.renewal();
        let LeaseSettings { store, keep, .. } = self.settings();
        let token = self.lease().token();
        let status = store.complete(name, token, record.clone(), *keep).await?;
        if status == LeaseStatus::Held {
            return Ok(status);
        }
        let restored = store.restore(name, fingerprint, token, record, *keep);
        let status = restored.await?;
        if status == LeaseStatus::Held {
            self.settings().notice(Event::Restored);
        }
        Ok(status)
    }

    /// Repeats the report until it succeeds or a lease's time has passed: first
    /// after a 300th of the lease, then with doubled pauses of up to a third.
    /// The heartbeat goes on meanwhile.
    async fn keep_reporting(self, end: LeaseEnd) {
        let lease = self.settings().lease;
        let give_up = Instant::now() + lease;
        let mut pause = lease / 300;
        while Instant::now() < give_up {
            sleep(pause).await;
            match self.report(&end).await {
                Ok(LeaseStatus::Held) => return self.settings().notice(Event::SavedLate),
                Ok(LeaseStatus::Lost) => return,
                Err(_) => pause = (pause * 2).min(lease / 3),
            }
        }
    }
}

impl<S: Store> Drop for Guard<S> {
    fn drop(&mut self) {
        if !self.ended {
            self.settings().notice(Event::Abandoned);
        }
    }
}

/// How a lease ends, as the store is told.
#[derive(Debug)]
pub(super) enum LeaseEnd {
    /// The work is done, and this is its encoded record.
    Completed(Bytes),
    /// The work was not done.
    Released,
}

impl LeaseEnd {
    /// Returns the event of an end with this status.
    fn event(&self, status: CompletionStatus) -> Event {
        match (status, self) {
            (CompletionStatus::Unsaved, _) => Event::Unsaved,
            (CompletionStatus::Lost, _) => Event::Lost,
            (CompletionStatus::Saved, Self::Completed(_)) => Event::Completed,
            (CompletionStatus::Saved, Self::Released) => Event::Released,
        }
    }
}
