//! Charges that are settled when the real cost is known.
//!
//! Some work shows its cost only at its end: the tokens of a language model, the
//! bytes of a download, a login that failed. A [`Hold`] charges an estimate
//! before the work, and is settled after it: under-use goes back, over-use
//! becomes debt.
//!
//! | file | contents |
//! |---|---|
//! | `hold` | the charge as its owner sees it |
//! | `drop_rule` | how a hold ends that is dropped |
//! | `charge` | the buckets that a hold has charged |
//! | `holding` | a hold, at once or later |
//! | `limiter` | the contract of a limiter that can hold |

mod charge;
mod drop_rule;
#[allow(clippy::module_inception)]
mod hold;
mod holding;
mod limiter;

pub(super) use self::charge::{Held, HeldCharge};
pub use self::{
    drop_rule::{DropRule, GiveBack, Keep},
    hold::Hold,
    holding::{HoldError, Holding},
    limiter::HoldLimiter,
};
