//! How work is claimed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Handle, time::Instant};

use super::{
    claim::{Claim, ClaimRequest, Takeover},
    fingerprint::Fingerprint,
    guard::Guard,
    lease::{handle::Lease, queue::Hearts, renewal::Heart},
    observe::{Event, Observe},
    record::Record,
    scope::Name,
    store::{Store, StoreError},
    token::Token,
    tracker::Tracker,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Claims work in a store, with the same settings each time.
///
/// [`Runner`](super::Runner) does all that there is to do about it; this is for
/// those who drive a [`Guard`] themselves.
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
#[must_use = "it claims nothing by itself"]
pub struct Claimant<S> {
    pub(super) store: S,
    pub(super) lease: Duration,
    pub(super) keep: Duration,
    pub(super) takeover: Takeover,
    pub(super) compress_from: Option<usize>,
    observer: Option<Arc<dyn Observe>>,
    tracker: Tracker,
    pub(super) hearts: Hearts<S>,
    /// Where leases are renewed, if not where they were claimed.
    pub(super) runtime: Option<Handle>,
}

/// What became of a claim.
#[derive(Debug)]
#[must_use = "a guard that is dropped leaves work of unknown outcome"]
pub enum Claimed<S: Store> {
    /// Do the work, and say how it ended.
    Run(Guard<S>),
    /// It was done: this is what was kept of it.
    Replay(Record),
    /// Another fingerprint has this name.
    Mismatch,
    /// Another holder is at it.
    Running {
        /// Until its lease lapses, unless it is renewed.
        left: Duration,
    },
    /// It was begun, its lease has lapsed, and [`Takeover::Refuse`] is set.
    Unknown,
}

impl<S> Claimant<S> {
    /// Claims in this store, with leases of 30 seconds, records that are kept for
    /// a day, and [`Takeover::Rerun`].
    pub fn new(store: S) -> Self {
        Self {
            store,
            lease: MINUTE / 2,
            keep: DAY,
            takeover: Takeover::default(),
            compress_from: None,
            observer: None,
            tracker: Tracker::new(),
            hearts: Hearts::new(),
            runtime: None,
        }
    }

    /// For how long a holder that is not heard of holds the work: 30 seconds
    /// unless it is set. It is renewed each third of that, by the runtime that it was
    /// claimed on: a runtime that is blocked for two thirds of a lease, or that
    /// nothing drives for so long, loses what it holds, and no other runtime does,
    /// unless another [renews](Self::renew_on) for it. [`Local`](super::Local) needs no
    /// renewals while the holder is alive.
    ///
    /// # Panics
    ///
    /// When it is not from 10 ms to a day.
    #[track_caller]
    pub fn lease(self, lease: Duration) -> Self {
        let possible = Duration::from_millis(10)..=DAY;
        assert!(
            possible.contains(&lease),
            "invalid lease {lease:?}: must be 10 ms to a day"
        );
        Self { lease, ..self }
    }

    /// The runtime that renews leases, for handlers that may block the one that they
    /// run on: one of one thread, with time enabled, that does nothing else. Unless
    /// set, it is the one that a lease was claimed on. A renewal that comes more than
    /// a third of the lease too late is noticed as
    /// [`RenewedLate`](super::Event::RenewedLate).
    ///
    /// A store in Redis has to be reached from there too: make its
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
        let runtime = Some(runtime);
        Self { runtime, ..self }
    }

    /// For how long a record is kept once the work is done, and unknown outcomes
    /// are remembered: a day unless it is set. After that the same claim is new.
    ///
    /// # Panics
    ///
    /// When it is less than a millisecond, which is as fine as stores count.
    #[track_caller]
    pub fn keep(self, keep: Duration) -> Self {
        let possible = keep >= Duration::from_millis(1);
        assert!(possible, "invalid keep {keep:?}: must be at least 1 ms");
        Self { keep, ..self }
    }

    /// What to do with work that nobody knows the end of.
    pub fn takeover(self, takeover: Takeover) -> Self {
        Self { takeover, ..self }
    }

    /// Compresses bodies of at least so many bytes; see
    /// [`Record::encode_compressed`].
    #[cfg(feature = "idempotency-compression")]
    #[cfg_attr(docsrs, doc(cfg(feature = "idempotency-compression")))]
    pub fn compress(self, at_least: usize) -> Self {
        let compress_from = Some(at_least);
        Self {
            compress_from,
            ..self
        }
    }

    /// Who is told what becomes of claims.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        let observer = Some(observer);
        Self { observer, ..self }
    }

    /// Where work that outlives its caller is tracked, if others track theirs
    /// there too.
    pub fn track(self, tracker: Tracker) -> Self {
        Self { tracker, ..self }
    }

    /// What is still to be done in the background; await its
    /// [`drain`](Tracker::drain) before the process ends.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }
}

impl<S: Store> Claimant<S> {
    /// Claims the work of this name. Call it within a tokio runtime.
    ///
    /// A store that does not answer is asked once more. If that fails too, the
    /// lease that may have been taken is given back in the background. Dropped, it
    /// may leave a lease that lapses.
    ///
    /// # Errors
    ///
    /// When the store fails: the work may or may not have been done before, so do
    /// not do it.
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

    /// The same for those who may wait, and so are not refused yet.
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
                self.notice(Event::Began {
                    recovered: lease.is_recovered(),
                });
                let heart = Heart::new(self.clone(), (name, fingerprint), lease, asked);
                Ok(Claimed::Run(Guard::new(heart)))
            }
            Claim::Replay(bytes) => Ok(Claimed::Replay(self.read(&bytes)?)),
            Claim::Running { left } => Ok(Claimed::Running { left }),
            Claim::Mismatch => Ok(self.refused(Event::Mismatched, Claimed::Mismatch)),
            Claim::Unknown => Ok(self.refused(Event::Unknown, Claimed::Unknown)),
        }
    }

    fn read(&self, bytes: &Bytes) -> Result<Record, StoreError> {
        let record = Record::decode(bytes);
        self.notice(match record {
            Ok(_) => Event::Replayed,
            Err(_) => Event::StoreFailed,
        });
        Ok(record?)
    }

    fn refused(&self, event: Event, refused: Claimed<S>) -> Claimed<S> {
        self.notice(event);
        refused
    }

    fn request(&self, fingerprint: Fingerprint) -> ClaimRequest {
        ClaimRequest {
            fingerprint,
            token: Token::random(),
            lease: self.lease,
            keep: self.keep,
            takeover: self.takeover,
        }
    }

    /// Asks twice with one token, for the first answer may only have been lost.
    async fn ask(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let first = self.store.claim(name, request).await;
        let Err(StoreError::Unavailable(_)) = first else {
            return first.inspect_err(|_| self.notice(Event::StoreFailed));
        };
        self.notice(Event::StoreFailed);
        let second = self.store.claim(name, request).await;
        if let Err(StoreError::Unavailable(_)) = second {
            self.notice(Event::StoreFailed);
            self.give_back(name, request.token);
        }
        second
    }

    /// The work was not begun, so that nothing is unknown about it.
    fn give_back(&self, name: Name, token: Token) {
        let store = self.store.clone();
        self.tracker.spawn(async move {
            // Then it lapses.
            let _ = store.release(name, token).await;
        });
    }
}
