//! The trait of all stores, and their common error and counts.

use std::{
    error, fmt,
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{
    claim::{Claim, ClaimRequest, LeaseStatus},
    fingerprint::Fingerprint,
    record::RecordError,
    scope::Name,
    token::Token,
};
use crate::refusal::BoxError;

/// How long a waiting caller pauses between two claims if its store cannot
/// notify it.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// A store of records. Clones are one store.
///
/// Claim, renew, complete and release each take effect as a whole or not at
/// all, in one order for all callers, as [`State`](super::state::State) says,
/// by the store's own clock. A store of one's own only has to call the methods
/// of `State` under a lock.
///
/// A call whose future is dropped, or that fails, may have taken effect or not.
/// It may be repeated with the same token.
///
/// A store that wraps another, here to count claims:
///
/// ```
/// use std::{
///     sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}},
///     time::Duration,
/// };
/// use bytes::Bytes;
/// use sluicegate::idempotency::{
///     Claim, ClaimRequest, Fingerprint, LeaseStatus, Name, Store, StoreError, Token,
/// };
///
/// #[derive(Clone, Debug)]
/// struct Counted<S> {
///     inner: S,
///     claims: Arc<AtomicU64>,
/// }
///
/// impl<S: Store> Store for Counted<S> {
///     async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
///         self.claims.fetch_add(1, Relaxed);
///         self.inner.claim(name, request).await
///     }
///
///     async fn renew(
///         &self,
///         name: Name,
///         token: Token,
///         lease: Duration,
///     ) -> Result<LeaseStatus, StoreError> {
///         self.inner.renew(name, token, lease).await
///     }
///
///     async fn complete(
///         &self,
///         name: Name,
///         token: Token,
///         record: Bytes,
///         keep: Duration,
///     ) -> Result<LeaseStatus, StoreError> {
///         self.inner.complete(name, token, record, keep).await
///     }
///
///     async fn restore(
///         &self,
///         name: Name,
///         fingerprint: Fingerprint,
///         token: Token,
///         record: Bytes,
///         keep: Duration,
///     ) -> Result<LeaseStatus, StoreError> {
///         self.inner.restore(name, fingerprint, token, record, keep).await
///     }
///
///     async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
///         self.inner.release(name, token).await
///     }
///
///     fn pin(&self, name: Name, token: Token, lease: Duration) -> bool {
///         self.inner.pin(name, token, lease)
///     }
///
///     fn unpin(&self, name: Name, token: Token) {
///         self.inner.unpin(name, token);
///     }
///
///     async fn settled(&self, name: Name) {
///         self.inner.settled(name).await;
///     }
/// }
/// ```
pub trait Store: Clone + fmt::Debug + Send + Sync + 'static {
    /// Claims the work under a name.
    fn claim(
        &self,
        name: Name,
        request: ClaimRequest,
    ) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Starts the lease of this token anew.
    fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Stores the record of work that was done under this token, and keeps it
    /// this long. It never replaces another record.
    fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Stores the record of work that was done under this token, and keeps it
    /// this long, if the store has nothing under the name any more: its state
    /// was evicted, flushed, or lost with a failed server. The claimant calls
    /// it when [`complete`](Self::complete) returns that the lease is lost. If
    /// another holder has begun the work since, the lease stays
    /// [lost](LeaseStatus::Lost).
    ///
    /// By default the lease stays lost. A store that wraps another has to
    /// forward the call.
    fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send {
        let _ = (name, fingerprint, token, record, keep);
        ready(Ok(LeaseStatus::Lost))
    }

    /// Gives up the lease of this token, for work that was not done.
    fn release(
        &self,
        name: Name,
        token: Token,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Keeps the lease of this token from lapsing until it is
    /// [unpinned](Self::unpin), completed or released, so that it needs no
    /// renewal. Returns whether the store does that. Only a store that ends
    /// together with its holders can, because a holder that crashed would keep
    /// its lease for ever.
    ///
    /// By default a store cannot.
    fn pin(&self, name: Name, token: Token, lease: Duration) -> bool {
        let _ = (name, token, lease);
        false
    }

    /// Lets a [pinned](Self::pin) lease lapse, a full lease from now.
    fn unpin(&self, name: Name, token: Token) {
        let _ = (name, token);
    }

    /// Ends when [running](Claim::Running) work is worth another claim: at once
    /// if it does not run, and otherwise soon after its end. The store need not
    /// notice that a lease lapses.
    ///
    /// By default it ends after 100 ms.
    fn settled(&self, name: Name) -> impl Future<Output = ()> + Send {
        let _ = name;
        tokio::time::sleep(POLL_EVERY)
    }
}

/// Counts of a [`Local`](super::Local) or `Durable` store and its clones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounts {
    /// Records, including running work and expired records that are still
    /// there.
    pub records: u64,
    /// The bytes of the capacity that they take.
    pub bytes: u64,
    /// Completed records that were evicted for lack of room, since the store
    /// was opened.
    pub evicted: u64,
}

/// Why a store has no answer.
///
/// A claim that fails lets no work run. A completion that fails is repeated in
/// the background.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The store is full, and no record may be evicted.
    Full,
    /// The store did not answer.
    Unavailable(Arc<dyn error::Error + Send + Sync>),
    /// The store has a record that cannot be read here.
    Record(RecordError),
}

impl StoreError {
    /// Returns the error of a store that did not answer because of this one.
    ///
    /// ```
    /// use sluicegate::idempotency::StoreError;
    ///
    /// let error = StoreError::unavailable("the database is down");
    /// assert!(matches!(error, StoreError::Unavailable(_)));
    /// ```
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into().into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the store of idempotency records is full"),
            Self::Unavailable(_) => f.write_str("the store of idempotency records did not answer"),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unavailable(source) => Some(&**source),
            _ => None,
        }
    }
}

/// Two errors of unavailable stores are never equal, because their sources
/// cannot be compared.
impl PartialEq for StoreError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Record(one), Self::Record(other)) => one == other,
            (Self::Full, Self::Full) => true,
            _ => false,
        }
    }
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}
