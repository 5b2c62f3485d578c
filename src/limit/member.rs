//! The contract between `All` and its members.
//!
//! Three verbs change a bucket: `reserve` takes, `commit` keeps what was taken,
//! and `roll_back` gives it back. A charge that needs no further call is
//! committed by doing nothing more; one that has to outlive the call is turned
//! into a [`Rollback`] by `guard`, which is committed or else rolls back when
//! it is dropped. All other methods only read.
//!
//! `hold` charges for longer than the check: its charge is settled when the
//! request has ended.
//!
//! `Local`, `Redis` and `Tiers` implement it. It is private, so that no other
//! type can.

use std::sync::Arc;

#[cfg(feature = "redis")]
use super::redis::AllRequest;
use super::{
    all::{Failure, MemberError},
    decision::Decision,
    hold::Holding,
    limiter::Limiter,
    reservation::{Charge, CheckRequest, Reserved, Rollback},
};

/// A limiter that can be one of several in an `All`: it can roll back exactly
/// what it took.
pub(crate) trait Member<K: ?Sized>: Limiter<K, Error: Failure> {
    /// The bucket of one key.
    type Bucket<'a>: MemberBucket
    where
        Self: 'a;

    /// Finds the bucket of a key. Takes nothing.
    fn bucket<'a>(&'a self, key: &K) -> Self::Bucket<'a>;
}

/// One bucket of one limit, charged together with others.
pub(crate) trait MemberBucket {
    /// Two buckets with equal ids are one.
    fn id(&self) -> BucketId<'_>;

    /// Takes the cost at once, and books a place where the rule has a queue.
    /// `None` if that needs a call; then see [`remote`](Self::remote).
    fn reserve(&self, request: CheckRequest) -> Option<Reserved>;

    /// Charges the cost, or books a place where the rule has a queue, and holds
    /// it.
    fn hold(&self, request: CheckRequest) -> Holding<MemberError>;

    /// Gives back what was charged.
    fn roll_back(&self, charge: Charge);

    /// Turns a charge into a guard that outlives this borrow.
    fn guard(&self, charge: Charge) -> Rollback;

    /// The request to send, if the bucket is in another process.
    #[cfg(feature = "redis")]
    fn remote(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        let _ = request;
        None
    }

    /// The request to send for a hold, if the bucket is in another process and its
    /// holds can share a call with others.
    #[cfg(feature = "redis")]
    fn remote_hold(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        let _ = request;
        None
    }

    /// Whether the bucket is in another process.
    fn is_remote(&self) -> bool {
        false
    }

    /// The denial, if one is certain without a call. Takes nothing.
    fn certain_denial(&self, request: CheckRequest) -> Option<Decision>;

    /// The decision of a bucket never seen about a cost of 0.
    fn unseen(&self) -> Decision;

    /// A function that peeks later, if the bucket is in this process.
    fn peek_later(&self) -> Option<Peek> {
        None
    }
}

/// Returns the decision about a cost of 0.
pub(crate) type Peek = Box<dyn Fn() -> Decision + Send + Sync>;

/// Which bucket of which store it is. A member leaves empty what does not
/// apply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BucketId<'a> {
    /// The address of the store in memory.
    pub(crate) store: usize,
    /// The hash of the key; 0 for a bucket in Redis.
    pub(crate) key: u64,
    /// The name of the bucket in Redis.
    pub(crate) name: &'a [u8],
    /// The terms of its rule. Two rules on one bucket are charged apart.
    pub(crate) rule: &'a str,
}

impl BucketId<'_> {
    /// The id of no bucket at all.
    pub(crate) const NONE: Self = Self::in_store(0, 0);

    /// A bucket of a store in this process.
    pub(crate) fn in_process<T>(store: &Arc<T>, key: u64) -> Self {
        Self::in_store(Arc::as_ptr(store) as usize, key)
    }

    const fn in_store(store: usize, key: u64) -> Self {
        Self {
            store,
            key,
            name: &[],
            rule: "",
        }
    }
}
