//! Counters and latencies of calls, and the public snapshots of them.
//!
//! Counters are relaxed atomics: each is exact, but a snapshot may see one
//! call's counters half raised.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{error::ErrorKind, lane::Lane};
use crate::{
    clock::ticks,
    histogram::{Durations, Histogram},
};

/// Upper bounds in microseconds: from what a server in the same rack takes to
/// ten times the usual timeout.
const BOUNDS: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// Statistics of a lane since it was opened.
///
/// ```
/// use sluicegate::redis::Connection;
///
/// let redis = Connection::builder("redis://localhost").lazy()?;
/// // A lane is listed after its first call.
/// assert!(redis.lanes().is_empty());
/// # Ok::<(), sluicegate::redis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStats {
    /// The lane.
    pub lane: Lane,
    /// Its counts.
    pub stats: Stats,
    /// How long its calls took, without those that an open breaker rejected.
    pub latency: Durations,
    /// Whether its breaker is open, so that calls are not sent.
    pub is_open: bool,
}

/// An event on a lane, to be counted.
///
/// The macro below gives each a counter.
pub(super) enum LaneEvent {
    Called,
    Failed,
    TimedOut,
    UnknownScript,
    Redirected,
    Connected,
    Opened,
    Closed,
    Rejected,
    MixedUp,
}

counters! {
    /// The live counters behind [`Stats`].
    pub(super) struct Counters(LaneEvent);

    /// Counts of a [`Connection`](super::Connection) and its clones since it
    /// was built, or of one of its lanes.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost").lazy().unwrap();
    /// let stats = redis.stats();
    /// assert_eq!((stats.calls, stats.connects), (0, 0));
    /// ```
    pub struct Stats {
        /// Calls, whether or not they succeeded. A batch is one call.
        calls: LaneEvent::Called,
        /// Calls that failed, for any reason.
        failures: LaneEvent::Failed,
        /// Calls that failed because no reply came within the timeout.
        timeouts: LaneEvent::TimedOut,
        /// Calls that were sent again with the source of their script, because
        /// the server did not know it.
        unknown_scripts: LaneEvent::UnknownScript,
        /// Redirections that were followed in a cluster.
        redirections: LaneEvent::Redirected,
        /// Connections that were made.
        connects: LaneEvent::Connected,
        /// How often a breaker opened. In a cluster, each node has a breaker.
        opened: LaneEvent::Opened,
        /// How often a probe closed a breaker.
        closed: LaneEvent::Closed,
        /// Calls that an open breaker rejected.
        circuit_open: LaneEvent::Rejected,
        /// Connections that were closed because a reply belonged to another
        /// call.
        mixed_up: LaneEvent::MixedUp,
    }
}

impl Counters {
    /// Counts one event.
    pub(super) fn count(&self, event: LaneEvent) {
        self.counter(&event).fetch_add(1, Relaxed);
    }

    /// Counts a call that failed with this kind of error.
    pub(super) fn count_failure(&self, kind: ErrorKind) {
        self.count(LaneEvent::Failed);
        match kind {
            ErrorKind::TimedOut => self.count(LaneEvent::TimedOut),
            ErrorKind::CircuitOpen => self.count(LaneEvent::Rejected),
            _ => {}
        }
    }
}

/// The histogram of how long calls took.
#[derive(Debug)]
pub(super) struct Latency {
    /// [`BOUNDS`], shared with the snapshots.
    bounds: Arc<[u64]>,
    /// Counts of calls, by the bounds.
    histogram: Histogram,
}

impl Latency {
    /// An empty histogram.
    pub(super) fn new() -> Self {
        Self {
            bounds: BOUNDS.into(),
            histogram: Histogram::new(BOUNDS.len()),
        }
    }

    /// Counts a call that took this long.
    pub(super) fn record(&self, took: Duration) {
        self.histogram.record(&self.bounds, ticks(took));
    }

    /// Returns a snapshot.
    pub(super) fn read(&self) -> Durations {
        self.histogram.read(&self.bounds)
    }
}
