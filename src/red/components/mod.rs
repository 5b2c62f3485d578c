//! The counts that a registry has beside requests, so that its exporters show
//! limiters, deadlines, connections to Redis and idempotency keys as well.
//!
//! Counts come in two ways. Limiters, limits of concurrency, deadlines and
//! idempotency keys notify the registry of events while a request waits, so
//! these counters are striped. Connections and registries of deadlines count by
//! themselves, and a limit of concurrency knows what is in use. These are read
//! through [sources](sources::Sources), which cost nothing until a snapshot is
//! taken.

#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

mod by_name;
mod components;
mod concurrency;
#[cfg(feature = "redis")]
mod connections;
mod deadlines;
mod drains;
mod limiters;
mod sources;

pub(super) use self::components::Components;
#[cfg(feature = "redis")]
pub use self::connections::ConnectionCounts;
pub use self::{
    concurrency::ConcurrencyCounts, deadlines::DeadlineCounts, drains::DrainCounts,
    limiters::LimiterCounts,
};
