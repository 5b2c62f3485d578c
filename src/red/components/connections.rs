//! The counts of connections to Redis, as a registry exports them.

use crate::{
    histogram::Durations,
    redis::{Connection, LaneStats, Stats},
};

/// The counts of one connection to Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// The sum over all lanes.
    pub stats: Stats,
    /// Whether the breakers of at least one lane are open, so that it asks no
    /// server. In a cluster where some nodes still answer this is false.
    pub is_open: bool,
    /// The durations of calls, without those that an open breaker refused.
    pub latency: Durations,
    /// The lanes that were used. Each has connections and breakers of its own.
    pub lanes: Vec<LaneStats>,
}

impl ConnectionCounts {
    /// Reads all counts of a connection.
    pub(crate) fn read(connection: &Connection) -> Self {
        Self {
            stats: connection.stats(),
            is_open: connection.is_any_open(),
            latency: connection.latency(),
            lanes: connection.lanes(),
        }
    }
}
