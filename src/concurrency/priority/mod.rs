//! Priorities: which requests an overloaded service sheds first.

mod classify;
mod cohorts;
mod cut_off;
mod rank;

pub(crate) use self::cut_off::CutOffController;
pub use self::{
    classify::{
        ByClosure, ByPrincipal, EvenlySpread, FindCohort, FindLevel, FromHeader, Prioritize,
        Priority, Trusts,
    },
    cohorts::Cohorts,
    cut_off::CutOff,
    rank::Rank,
};
