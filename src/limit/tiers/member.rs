//! The bucket of a tier as a member of an [`All`](crate::limit::All).

use std::{borrow::Borrow, hash::Hash};

use super::limiter::{Tiers, blocked};
#[cfg(feature = "redis")]
use crate::limit::redis::AllRequest;
use crate::limit::{
    all::MemberError,
    decision::Decision,
    hold::{HoldError, Holding},
    member::{BucketId, Member, MemberBucket, Peek},
    reservation::{Charge, CheckRequest, Reserved, Rollback, Taken},
};

/// The charge of a blocked tier.
const NO_CHARGE: Charge = Charge {
    cost: 0,
    at: 0,
    mark: 0,
    refunds: 0,
    credits: 0,
};

/// The bucket of a tier's limiter; a blocked tier has none, and always denies.
pub(crate) enum TierBucket<B> {
    Limited(B),
    Blocked,
}

impl<B: MemberBucket> TierBucket<B> {
    /// Returns the bucket, unless the tier is blocked.
    fn limited(&self) -> Option<&B> {
        match self {
            Self::Limited(bucket) => Some(bucket),
            Self::Blocked => None,
        }
    }
}

impl<B: MemberBucket> MemberBucket for TierBucket<B> {
    fn id(&self) -> BucketId<'_> {
        self.limited().map_or(BucketId::NONE, B::id)
    }

    fn reserve(&self, request: CheckRequest) -> Option<Reserved> {
        match self {
            Self::Limited(bucket) => bucket.reserve(request),
            Self::Blocked => Some(Reserved {
                decision: blocked(),
                taken: Taken::Charge(NO_CHARGE),
            }),
        }
    }

    fn hold(&self, request: CheckRequest) -> Holding<MemberError> {
        match self {
            Self::Limited(bucket) => bucket.hold(request),
            Self::Blocked => Holding::now(Err(HoldError::Denied(blocked()))),
        }
    }

    fn roll_back(&self, charge: Charge) {
        if let Self::Limited(bucket) = self {
            bucket.roll_back(charge);
        }
    }

    fn guard(&self, charge: Charge) -> Rollback {
        match self {
            Self::Limited(bucket) => bucket.guard(charge),
            Self::Blocked => Rollback::charge(|| ()),
        }
    }

    #[cfg(feature = "redis")]
    fn remote(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        self.limited()?.remote(request)
    }

    #[cfg(feature = "redis")]
    fn remote_hold(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        self.limited()?.remote_hold(request)
    }

    fn is_remote(&self) -> bool {
        self.limited().is_some_and(B::is_remote)
    }

    fn certain_denial(&self, request: CheckRequest) -> Option<Decision> {
        match self {
            Self::Limited(bucket) => bucket.certain_denial(request),
            Self::Blocked => Some(blocked()),
        }
    }

    fn unseen(&self) -> Decision {
        self.limited().map_or_else(blocked, B::unseen)
    }

    fn peek_later(&self) -> Option<Peek> {
        match self {
            Self::Limited(bucket) => bucket.peek_later(),
            Self::Blocked => Some(Box::new(blocked)),
        }
    }
}

impl<T, Q, K, L> Member<(Q, K)> for Tiers<T, L>
where
    T: Eq + Hash,
    Q: Borrow<T>,
    L: Member<K>,
{
    type Bucket<'a>
        = TierBucket<L::Bucket<'a>>
    where
        Self: 'a;

    fn bucket<'a>(&'a self, (tier, key): &(Q, K)) -> Self::Bucket<'a> {
        let limiter = self.of(tier.borrow());
        limiter.map_or(TierBucket::Blocked, |limiter| {
            TierBucket::Limited(limiter.bucket(key))
        })
    }
}
