//! Priorities: which requests an overloaded service sheds first.

mod cohorts;
mod cut_off;
mod rank;

#[allow(unused_imports, reason = "the gate uses it")]
pub(crate) use self::cut_off::CutOffController;
pub use self::{cohorts::Cohorts, cut_off::CutOff, rank::Rank};
