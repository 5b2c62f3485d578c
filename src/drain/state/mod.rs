//! The state of a drain: a pure machine of phases, its division of the budget,
//! and what requests and servers share.

mod announcements;
mod drain_state;
mod machine;
mod phase;
mod schedule;

pub(crate) use self::drain_state::DrainState;
pub(super) use self::{
    phase::{AtomicPhase, Phase},
    schedule::{BUDGET, Schedule},
};
