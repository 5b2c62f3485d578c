//! The rules and their peers, each able to decide at an instant of the lab's
//! choice.
//!
//! The peers decide by themselves where their clock can be set: `governor` by its
//! fake clock, `tower-resilience-ratelimiter` by tokio's paused one. The others
//! read the clock of the system, so a model of their published rule plays them,
//! which a test compares with the crate.

mod bounds;
mod candidate;
mod governor;
mod limitador;
mod list;
mod ours;
mod peers;
mod player;
mod resilience;

pub use self::{
    candidate::Candidate,
    limitador::LimitadorWindow,
    list::candidates,
    player::{Answer, Player},
};
pub(super) use self::{
    governor::same as governor_quota,
    ours::answer,
    resilience::{Limited, limited},
};
