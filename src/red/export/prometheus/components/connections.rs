//! The families of connections to Redis, and of their lanes.

use super::families::{add_count, add_counts, count_family, label, labels, seconds_family};
use crate::{
    red::{
        components::ConnectionCounts,
        export::{
            family::Family,
            prometheus::exposition::{Exposition, SampleValue},
        },
    },
    redis::LaneStats,
};

static LANE_OPEN: Family = count_family(
    "sluicegate.redis.lane.open",
    "1 while the breakers of a lane are open, so that it asks no server.",
);
static OPEN: Family = count_family(
    "sluicegate.redis.breaker.open",
    "1 while the breakers of at least one lane are open, so that it asks no server.",
);
static LATENCY: Family = seconds_family(
    "sluicegate.redis.call.duration",
    "How long calls on a connection to Redis took.",
);

/// Adds the families of a connection and of its lanes.
pub(super) fn add(into: &mut Exposition, name: &str, connection: &ConnectionCounts) {
    let (labels, stats) = (label("connection", name), &connection.stats);
    add_counts! { into, &labels;
        "sluicegate.redis.calls": stats.calls,
        "Calls on a connection to Redis, whether or not they succeeded.";
        "sluicegate.redis.failures": stats.failures,
        "Calls on a connection to Redis that failed, for any reason.";
        "sluicegate.redis.timeouts": stats.timeouts,
        "Calls on a connection to Redis that were not answered in time.";
        "sluicegate.redis.shut": stats.circuit_open,
        "Calls on a connection to Redis that an open breaker refused.";
        "sluicegate.redis.unknown_scripts": stats.unknown_scripts,
        "Calls that were sent again with their script, because the server did not know it.";
        "sluicegate.redis.redirections": stats.redirections,
        "Redirections that were followed in a cluster.";
        "sluicegate.redis.connects": stats.connects,
        "Connections to Redis that were made.";
        "sluicegate.redis.breaker.opened": stats.opened,
        "How often a breaker opened; in a cluster, each node has one.";
        "sluicegate.redis.breaker.closed": stats.closed,
        "How often a probe closed a breaker again.";
        "sluicegate.redis.mixed_up": stats.mixed_up,
        "Connections to Redis that were closed because a reply belonged to another call.";
    }
    let open = SampleValue::Gauge(connection.is_open.into());
    into.add(&OPEN, labels.clone(), open);
    let latency = SampleValue::Histogram(connection.latency.clone(), Vec::new());
    into.add(&LATENCY, labels, latency);
    for lane in &connection.lanes {
        add_lane(into, name, lane);
    }
}

/// Adds the families of one lane.
fn add_lane(into: &mut Exposition, connection: &str, lane: &LaneStats) {
    let labels = labels(("connection", connection), ("lane", lane.lane.name()));
    add_counts! { into, &labels;
        "sluicegate.redis.lane.calls": lane.stats.calls,
        "Calls on a lane of a connection to Redis: limits, records, counts, deadlines.";
        "sluicegate.redis.lane.failures": lane.stats.failures,
        "Calls on a lane of a connection to Redis that failed, for any reason.";
        "sluicegate.redis.lane.timeouts": lane.stats.timeouts,
        "Calls on a lane of a connection to Redis that were not answered in time.";
        "sluicegate.redis.lane.shut": lane.stats.circuit_open,
        "Calls on a lane of a connection to Redis that an open breaker refused.";
    }
    let open = SampleValue::Gauge(lane.is_open.into());
    into.add(&LANE_OPEN, labels, open);
}
