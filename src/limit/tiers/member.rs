//! A tier as one of several limits.

use super::limiter::refusal;
#[cfg(feature = "redis")]
use crate::limit::redis::Query;
use crate::limit::{
    all::{Asked, Bucket, Charge, Claim, Hold, Look, Part, Taken},
    decision::Decision,
};

/// The bucket of a tier's limiter; a blocked tier has none.
#[derive(Debug)]
pub enum TierPart<P> {
    Limited(P),
    Blocked,
}

impl<P: Part> Part for TierPart<P> {
    fn bucket(&self) -> Bucket<'_> {
        match self {
            Self::Limited(part) => part.bucket(),
            Self::Blocked => Bucket::none(),
        }
    }

    fn is_elsewhere(&self) -> bool {
        match self {
            Self::Limited(part) => part.is_elsewhere(),
            Self::Blocked => false,
        }
    }

    fn take(&self, asked: Asked) -> Option<Taken> {
        match self {
            Self::Limited(part) => part.take(asked),
            Self::Blocked => {
                let claim = Claim::Charge(Charge {
                    cost: 0,
                    at: 0,
                    mark: 0,
                });
                let decision = refusal();
                Some(Taken { decision, claim })
            }
        }
    }

    fn denial(&self, asked: Asked) -> Option<Decision> {
        match self {
            Self::Limited(part) => part.denial(asked),
            Self::Blocked => Some(refusal()),
        }
    }

    fn unseen(&self) -> Decision {
        match self {
            Self::Limited(part) => part.unseen(),
            Self::Blocked => refusal(),
        }
    }

    fn look(&self) -> Option<Look> {
        match self {
            Self::Limited(part) => part.look(),
            Self::Blocked => Some(Box::new(refusal)),
        }
    }

    fn undo(&self, charge: Charge) {
        if let Self::Limited(part) = self {
            part.undo(charge);
        }
    }

    fn hold(&self, charge: Charge) -> Hold {
        match self {
            Self::Limited(part) => part.hold(charge),
            Self::Blocked => Hold::charge(|| ()),
        }
    }

    #[cfg(feature = "redis")]
    fn query(&self, asked: Asked) -> Option<Query> {
        match self {
            Self::Limited(part) => part.query(asked),
            Self::Blocked => None,
        }
    }
}
