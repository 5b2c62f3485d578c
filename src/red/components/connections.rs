//! What connections to Redis did.

use crate::histogram::Durations;
#[cfg(feature = "redis")]
use crate::{
    red::Registry,
    redis::{Connection, LaneStats},
};

/// What a connection to Redis did; there are none without the feature `redis`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// The name that it was given.
    pub name: String,
    /// Calls, whether or not they succeeded. A batch is one call.
    pub calls: u64,
    /// Calls that failed, for any reason.
    pub failures: u64,
    /// Calls that failed because there was no answer within the timeout.
    pub timeouts: u64,
    /// Calls that an open breaker answered.
    pub shut: u64,
    /// Calls that were sent again with their script, which the server did not know.
    pub unknown_scripts: u64,
    /// Redirections that were followed in a cluster.
    pub redirections: u64,
    /// Connections that were made.
    pub connects: u64,
    /// How often a breaker opened. In a cluster, each node has one.
    pub opened: u64,
    /// How often a probe closed it again.
    pub closed: u64,
    /// Connections that were closed because an answer belonged to another call.
    pub mixed_up: u64,
    /// Whether no server is asked now, for at least one of the lanes. In a cluster
    /// with some nodes left, more were [opened](Self::opened) than
    /// [closed](Self::closed), and this is false.
    pub is_open: bool,
    /// How long calls took, but those that an open breaker answered.
    pub latency: Durations,
    /// The same for each lane that was used: limits, records, and so on have
    /// connections and breakers of their own.
    pub lanes: Vec<LaneCounts>,
}

/// What a lane of a connection to Redis did; see
/// [`Lane`](https://docs.rs/sluicegate/latest/sluicegate/redis/enum.Lane.html).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneCounts {
    /// Its name, such as `limits`.
    pub lane: &'static str,
    /// Calls, whether or not they succeeded.
    pub calls: u64,
    /// Calls that failed, for any reason.
    pub failures: u64,
    /// Calls that failed because there was no answer within the timeout.
    pub timeouts: u64,
    /// Calls that an open breaker answered.
    pub shut: u64,
    /// Connections that were made.
    pub connects: u64,
    /// Whether no server is asked now.
    pub is_open: bool,
}

#[cfg(feature = "redis")]
impl ConnectionCounts {
    fn read(name: &str, connection: &Connection) -> Self {
        let stats = connection.stats();
        Self {
            name: name.into(),
            calls: stats.calls,
            failures: stats.failures,
            timeouts: stats.timeouts,
            shut: stats.circuit_open,
            unknown_scripts: stats.unknown_scripts,
            redirections: stats.redirections,
            connects: stats.connects,
            opened: stats.opened,
            closed: stats.closed,
            mixed_up: stats.mixed_up,
            is_open: connection.is_any_open(),
            latency: connection.latency(),
            lanes: connection.lanes().iter().map(LaneCounts::of).collect(),
        }
    }
}

#[cfg(feature = "redis")]
impl LaneCounts {
    fn of(lane: &LaneStats) -> Self {
        let stats = &lane.stats;
        Self {
            lane: lane.lane.name(),
            calls: stats.calls,
            failures: stats.failures,
            timeouts: stats.timeouts,
            shut: stats.circuit_open,
            connects: stats.connects,
            is_open: lane.is_open,
        }
    }
}

#[cfg(feature = "redis")]
impl Registry {
    /// Shows what a connection does from now on, under this name. It holds a handle
    /// of the connection; a later one of the name takes its place.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn connection(&self, name: &str, connection: &Connection) {
        let connection = connection.clone();
        let read = move |name: &str| ConnectionCounts::read(name, &connection);
        self.components().connections.set(name, read);
    }
}
