//! The buckets that a hold has charged, each with the way to settle it.

use std::fmt;

use crate::limit::rules::quota::Cost;

/// One bucket that was charged. It stays charged if this is dropped.
pub(crate) struct HeldCharge(Box<dyn FnOnce(Cost) + Send + Sync>);

impl HeldCharge {
    /// `settle` is told the real cost.
    pub(crate) fn new(settle: impl FnOnce(Cost) + Send + Sync + 'static) -> Self {
        Self(Box::new(settle))
    }
}

/// All buckets that were charged for one hold.
pub(crate) enum Held {
    One(HeldCharge),
    /// Of an `All`, each with how many times it was charged.
    Several(Vec<(u64, Held)>),
}

impl Held {
    /// Puts the real cost in place of the estimate.
    pub(super) fn settle(self, actual: Cost) {
        match self {
            Self::One(HeldCharge(settle)) => settle(actual),
            Self::Several(charges) => {
                for (times, held) in charges {
                    held.settle(actual.saturating_mul(times));
                }
            }
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buckets = match self {
            Self::One(_) => 1,
            Self::Several(charges) => charges.len(),
        };
        f.debug_struct("Held").field("buckets", &buckets).finish()
    }
}
