//! Claims work in a store. [`Runner`](super::Runner) and the layer stand on it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Handle, time::Instant};

use super::{
    claim::{Claim, ClaimRequest, Takeover},
    fingerprint::Fingerprint,
    guard::Guard,
    lease::{Lease, queue::RenewalQueue, renewal::Renewal, settings::LeaseSettings},
    observe::{Event, Observe},
    record::Record,
    scope::Name,
    store::{Store, StoreError},
    token::Token,
    tracker::Tracker,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const MIN_LEASE: Duration = Duration::from_millis(10);
/// Stores count in milliseconds at the coarsest.
const MIN_KEEP: Duration = Duration::from_millis(1);

/// Claims work in a store, with the same settings each time.
///
/// [`Runner`](super::Runner) does everything around a claim; use this to drive
/// a [`Guard`] yourself.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sluicegate::idempotency::StoreError> {
/// use sluicegate::idempotency::{Body, Claimant, Claimed, Fingerprint, Local, Record, Scope};
///
/// let claimant = Claimant::new(Local::new());
/// let (name, fingerprint) = (Scope::new("mails").name("17"), Fingerprint::of("to Ann"));
/// if let Claimed::Run(guard) = claimant.claim(name, fingerprint).await? {
///     // Send it.
///     guard.complete(Record::Value(Body::Kept("sent".into()))).await;
/// }
/// let again = claimant.claim(name, fingerprint).await?;
/// assert!(matches!(again, Claimed::Replay(_)));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `claim` to claim work"]
pub struct Claimant<S> {
    /// Shared with the leases, each of which has a copy.
    settings: LeaseSettings<S>,
    /// How to treat work whose outcome is unknown.
    takeover: Takeover,
    /// The renewals of this claimant and its clones.
    renewals: RenewalQueue<S>,
}

/// The result of a claim.
#[derive(Debug)]
#[must_use = "a guard that is dropped leaves the outcome of the work unknown"]
pub enum Claimed<S: Store> {
    /// Do the work, and tell the guard how it ended.
    Run(Guard<S>),
    /// The work is done, and this is its record.
    Replay(Record),
    /// The name belongs to work with another fingerprint.
    Mismatch,
    /// Another holder is running the work.
    Running {
        /// How long its lease lasts unless it is renewed.
        left: Duration,
    },
    /// The work was begun, its lease has lapsed, and [`Takeover::Refuse`] is
    /// set.
    Unknown,
}

impl<S> Claimant<S> {
    /// Claims in this store, with leases of 30 seconds, records that are kept
    /// for a day, and [`Takeover::Rerun`].
    pub fn new(store: S) -> Self {
        Self {
            settings: LeaseSettings {
                store,
                lease: MINUTE / 2,
                keep: DAY,
                compress_from: None,
                runtime: None,
                tracker: Tracker::new(),
                observer: None,
            },
            takeover: Takeover::default(),
            renewals: RenewalQueue::new(),
        }
    }

    /// Sets how long a holder keeps the work without renewing its lease: 30
    /// seconds unless set.
    ///
    /// The lease is renewed each third of that, by the runtime on which it was
    /// claimed. If that runtime is blocked or not driven for two thirds of a
    /// lease, it loses its leases, unless another runtime
    /// [renews](Self::renew_on) them. [`Local`](super::Local) needs no renewals
    /// while the holder is alive.
    ///
    /// # Panics
    ///
    /// When it is not 10 ms to a day.
    #[track_caller]
    pub fn lease(self, lease: Duration) -> Self {
        assert!(
            (MIN_LEASE..=DAY).contains(&lease),
            "invalid lease {lease:?}: must be 10 ms to a day"
        );
        self.with(|settings| settings.lease = lease)
    }

    /// Sets the runtime that renews leases, for handlers that may block their
    /// own. Give it a runtime with one thread and time enabled that does
    /// nothing else.
    ///
    /// Unless set, leases are renewed on the runtime that claimed them. A
    /// renewal that comes more than a third of the lease too late is noticed as
    /// [`RenewedLate`](super::Event::RenewedLate).
    ///
    /// A store in Redis has to be reachable from there too: make its
    /// [`Connection`](crate::redis::Connection) on that runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use sluicegate::idempotency::{Claimant, Local};
    /// use tokio::runtime::Builder;
    ///
    /// let renewals = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    /// let claimant = Claimant::new(Local::new()).renew_on(renewals.handle().clone());
    /// # drop(claimant);
    /// # renewals.shutdown_background();
    /// # }
    /// ```
    pub fn renew_on(self, runtime: Handle) -> Self {
        self.with(|settings| settings.runtime = Some(runtime))
    }

    /// Sets how long a record is kept after the end of the work, and how long
    /// an unknown outcome is remembered: a day unless set. After that, the same
    /// claim is new.
    ///
    /// # Panics
    ///
    /// When it is less than 1 ms.
    #[track_caller]
    pub fn keep(self, keep: Duration) -> Self {
        assert!(
            keep >= MIN_KEEP,
            "invalid keep {keep:?}: must be at least 1 ms"
        );
        self.with(|settings| settings.keep = keep)
    }

    /// Sets how to treat work whose outcome is unknown: [`Takeover::Rerun`]
    /// unless set.
    pub fn takeover(self, takeover: Takeover) -> Self {
        Self { takeover, ..self }
    }

    /// Compresses bodies of at least this many bytes; see
    /// [`Record::encode_compressed`].
    #[cfg(feature = "idempotency-compression")]
    #[cfg_attr(docsrs, doc(cfg(feature = "idempotency-compression")))]
    pub fn compress(self, at_least: usize) -> Self {
        self.with(|settings| settings.compress_from = Some(at_least))
    }

    /// Sets the observer of events.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    /// Sets the tracker of work in the background, to share it with others.
    pub fn track(self, tracker: Tracker) -> Self {
        self.with(|settings| settings.tracker = tracker)
    }

    /// Returns the tracker of work in the background. Await its
    /// [`drain`](Tracker::drain) before the process ends.
    pub fn tracker(&self) -> &Tracker {
        &self.settings.tracker
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.settings.store
    }

    /// Returns how to treat work whose outcome is unknown.
    pub(super) fn takeover_policy(&self) -> Takeover {
        self.takeover
    }

    /// Tells the observer about an event.
    pub(super) fn notice(&self, event: Event) {
        self.settings.notice(event);
    }

    fn with(mut self, set: impl FnOnce(&mut LeaseSettings<S>)) -> Self {
        set(&mut self.settings);
        self
    }
}

impl<S: Store> Claimant<S> {
    /// Claims the work of this name. Call it within a tokio runtime.
    ///
    /// If the store does not answer, it is asked once more. If that fails too,
    /// a background task releases the lease that may have been granted. A
    /// future that is dropped may leave a lease that lapses.
    ///
    /// # Errors
    ///
    /// When the store fails. The work may have been done before, so do not do
    /// it.
    pub async fn claim(
        &self,
        name: Name,
        fingerprint: Fingerprint,
    ) -> Result<Claimed<S>, StoreError> {
        let claimed = self.try_claim(name, fingerprint).await?;
        if let Claimed::Running { .. } = claimed {
            self.notice(Event::Running);
        }
        Ok(claimed)
    }

    /// Claims as [`claim`](Self::claim) does, but does not report
    /// [`Event::Running`]: the caller may wait and try again.
    pub(super) async fn try_claim(
        &self,
        name: Name,
        fingerprint: Fingerprint,
    ) -> Result<Claimed<S>, StoreError> {
        let request = self.request(fingerprint);
        let asked = Instant::now();
        match self.ask(name, request).await? {
            Claim::Run { attempt } => {
                let lease = Lease::new(request.token, attempt);
                Ok(Claimed::Run(self.guard((name, fingerprint), lease, asked)))
            }
            Claim::Replay(bytes) => Ok(Claimed::Replay(self.read(&bytes)?)),
            Claim::Running { left } => Ok(Claimed::Running { left }),
            Claim::Mismatch => Ok(self.refused(Event::Mismatched, Claimed::Mismatch)),
            Claim::Unknown => Ok(self.refused(Event::Unknown, Claimed::Unknown)),
        }
    }

    /// Starts to hold a lease that was asked for at this time.
    fn guard(&self, work: (Name, Fingerprint), lease: Lease, asked: Instant) -> Guard<S> {
        let recovered = lease.is_recovered();
        self.notice(Event::Began { recovered });
        let renewal = Renewal::new(self.settings.clone(), work, lease, asked);
        Guard::new(renewal, self.renewals.clone())
    }

    /// Decodes a record, and reports whether that succeeded.
    fn read(&self, bytes: &Bytes) -> Result<Record, StoreError> {
        let record = Record::decode(bytes);
        self.notice(match record {
            Ok(_) => Event::Replayed,
            Err(_) => Event::StoreFailed,
        });
        Ok(record?)
    }

    /// Reports a refusal, and returns it.
    fn refused(&self, event: Event, refused: Claimed<S>) -> Claimed<S> {
        self.notice(event);
        refused
    }

    /// Creates the request for a new lease.
    fn request(&self, fingerprint: Fingerprint) -> ClaimRequest {
        ClaimRequest {
            fingerprint,
            token: Token::random(),
            lease: self.settings.lease,
            keep: self.settings.keep,
            takeover: self.takeover,
        }
    }

    /// Asks up to twice with the same token, because the first answer alone may
    /// have been lost.
    async fn ask(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let first = self.store().claim(name, request).await;
        let Err(StoreError::Unavailable(_)) = first else {
            return first.inspect_err(|_| self.notice(Event::StoreFailed));
        };
        self.notice(Event::StoreFailed);
        let second = self.store().claim(name, request).await;
        if let Err(StoreError::Unavailable(_)) = second {
            self.notice(Event::StoreFailed);
            self.give_back(name, request.token);
        }
        second
    }

    /// Releases, in the background, a lease that may have been granted. The
    /// work was not begun, so that its outcome is known.
    fn give_back(&self, name: Name, token: Token) {
        let store = self.store().clone();
        self.tracker().spawn(async move {
            // If this fails too, the lease lapses.
            let _ = store.release(name, token).await;
        });
    }
}
