//! What is counted beside requests: what the other parts of this crate do.

mod components;
mod connections;
mod deadlines;
#[cfg(feature = "idempotency")]
mod keys;
mod limiters;
mod names;
mod registries;
mod sources;
mod striped;

pub(super) use self::components::Components;
pub use self::{
    connections::{ConnectionCounts, LaneCounts},
    deadlines::DeadlineCounts,
    limiters::{Coalescing, LimiterCounts},
    registries::RegistryCounts,
};
