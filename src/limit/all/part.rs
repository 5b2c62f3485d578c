//! What a limiter has to know how to do to be one of several.

use std::sync::Arc;

use super::{failure::Failure, hold::Hold, notes::Look};
#[cfg(feature = "redis")]
use crate::limit::redis::Query;
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        limiter::{Limiter, Wait},
        local::Turn,
        rules::quota::Cost,
        tiers::{TierPart, Tiers},
    },
};

/// A limiter that can stand in an [`All`](super::All): it can take back exactly
/// what it took.
///
/// Sealed: [`Local`](crate::limit::Local), `Redis`, and
/// [`Tiers`] of them.
pub trait Member<K: ?Sized>: Limiter<K, Error: Failure> + sealed::Sealed {
    /// The limiter's bucket for a key.
    #[doc(hidden)]
    type Part<'a>: Part
    where
        Self: 'a;

    #[doc(hidden)]
    fn part<'a>(&'a self, key: &K) -> Self::Part<'a>;
}

pub(in crate::limit) mod sealed {
    pub trait Sealed {}
}

/// One bucket of one limit, to be charged together with others.
pub trait Part {
    /// Which it is.
    fn bucket(&self) -> Bucket<'_>;

    /// Whether the state is in another process.
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// Takes it at once, and books a place where that is a queue's; `None` if
    /// the state is elsewhere.
    fn take(&self, asked: Asked) -> Option<Taken>;

    /// The denial, if one is certain without a call. Takes nothing.
    fn denial(&self, asked: Asked) -> Option<Decision>;

    /// The decision of a bucket never seen about a cost of 0.
    fn unseen(&self) -> Decision;

    /// Looks at what is left, if the state is in this process.
    fn look(&self) -> Option<Look> {
        None
    }

    /// Takes back what was charged.
    fn undo(&self, charge: Charge);

    /// Takes it back when it is dropped.
    fn hold(&self, charge: Charge) -> Hold;

    /// The question, if the state is elsewhere.
    #[cfg(feature = "redis")]
    fn query(&self, asked: Asked) -> Option<Query> {
        let _ = asked;
        None
    }
}

/// Parts with equal buckets are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// Where the store is in memory.
    pub(in crate::limit) store: usize,
    pub(in crate::limit) key: u64,
    pub(in crate::limit) name: &'a [u8],
    pub(in crate::limit) rule: &'a [String],
}

/// What a part is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub(in crate::limit) cost: Cost,
    /// `None` where a wait is for the caller to obey.
    pub(in crate::limit) wait: Option<Wait>,
}

/// A decision, and what there is to give back.
#[derive(Debug)]
pub struct Taken {
    pub(in crate::limit) decision: Decision,
    pub(in crate::limit) claim: Claim,
}

#[derive(Debug)]
pub(in crate::limit) enum Claim {
    Charge(Charge),
    /// A place in a line, which is given back when it is dropped.
    Turn(Turn),
}

/// What was charged; see [`Rule::undo`](crate::limit::Rule::undo).
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    pub(in crate::limit) cost: Cost,
    pub(in crate::limit) at: Tick,
    pub(in crate::limit) mark: u64,
}

impl<'a> Bucket<'a> {
    /// None at all, which is no other one's either.
    pub(in crate::limit) fn none() -> Self {
        Self {
            store: 0,
            key: 0,
            name: &[],
            rule: &[],
        }
    }

    pub(in crate::limit) fn in_process<T>(store: &Arc<T>, key: u64) -> Self {
        let store = Arc::as_ptr(store) as usize;
        Self {
            store,
            key,
            name: &[],
            rule: &[],
        }
    }
}

impl<T, L> sealed::Sealed for Tiers<T, L> {}

impl<T, Q, K, L> Member<(Q, K)> for Tiers<T, L>
where
    T: Eq + std::hash::Hash,
    Q: std::borrow::Borrow<T>,
    L: Member<K>,
{
    type Part<'a>
        = TierPart<L::Part<'a>>
    where
        Self: 'a;

    fn part<'a>(&'a self, (tier, key): &(Q, K)) -> Self::Part<'a> {
        let limiter = self.of(tier.borrow());
        limiter.map_or(TierPart::Blocked, |it| TierPart::Limited(it.part(key)))
    }
}
