//! Where records are kept.

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

/// How often a store that cannot tell is asked again.
const POLL: Duration = Duration::from_millis(100);

/// Where records are kept. Clones are one store.
///
/// Each of the first four is done whole or not at all, in an order that all who
/// ask agree on, as [`state`](super::state) says, by the store's own clock. A
/// store of one's own need only call that under a lock.
///
/// A future that is dropped may have done its part or not. When there is an error
/// it is the same, so all four may be asked again with the same token.
pub trait Store: Clone + fmt::Debug + Send + Sync + 'static {
    /// Claims the work of this name.
    fn claim(
        &self,
        name: Name,
        request: ClaimRequest,
    ) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Lets the lease of this token begin anew.
    fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Keeps the record of work that was done under this token, for so long. It
    /// never replaces another.
    fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Keeps the record of work that was done under this token, for so long, where the
    /// store has nothing under the name any more: what was there was evicted, flushed,
    /// or lost with a failed server. Asked for when [`complete`](Self::complete) says
    /// that the lease is lost. If another has begun the work anew, it stays
    /// [lost](LeaseStatus::Lost).
    ///
    /// Unless a store can do that, the lease stays lost. A store that wraps another has
    /// to pass it on.
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

    /// Gives the lease of this token back, for work that was not done.
    fn release(
        &self,
        name: Name,
        token: Token,
    ) -> impl Future<Output = Result<LeaseStatus, StoreError>> + Send;

    /// Keeps the lease of this token from lapsing until it is [unpinned](Self::unpin),
    /// completed or released; whether it does. Then it needs no renewal. Only a store
    /// that ends with its holders can promise that, because nobody else would let it
    /// lapse.
    ///
    /// Unless a store says otherwise, it does not.
    fn pin(&self, name: Name, token: Token, lease: Duration) -> bool {
        let _ = (name, token, lease);
        false
    }

    /// Lets a lease that was [pinned](Self::pin) lapse, a lease's time from now.
    fn unpin(&self, name: Name, token: Token) {
        let _ = (name, token);
    }

    /// Ends when it is worthwhile to claim again what was
    /// [running](Claim::Running): at once when nobody runs it, and sooner or later
    /// when its end is known. It need not notice that a lease lapses.
    ///
    /// Unless a store can tell, that is after 100 ms.
    fn settled(&self, name: Name) -> impl Future<Output = ()> + Send {
        let _ = name;
        tokio::time::sleep(POLL)
    }
}

/// Why a store has no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room, and nothing that may be forgotten.
    Full,
    /// It did not answer.
    Away(Arc<dyn error::Error + Send + Sync>),
    /// It has a record that cannot be read here.
    Record(RecordError),
}

impl StoreError {
    /// It did not answer, for this reason.
    pub fn away(source: impl Into<BoxError>) -> Self {
        Self::Away(source.into().into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the store of idempotency records is full"),
            Self::Away(_) => f.write_str("the store of idempotency records did not answer"),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Away(source) => Some(&**source),
            _ => None,
        }
    }
}

/// By what they say; of two that did not answer, no two are the same.
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
