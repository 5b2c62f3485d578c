//! Counters and latencies of calls, and the public snapshots of them.
//!
//! Counters are relaxed atomics: each is exact, but a snapshot may see one
//! call's counters half raised.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
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

/// Counts of a [`Connection`](super::Connection) and its clones since it was
/// built, or of one of its lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls, whether or not they succeeded. A batch is one call.
    pub calls: u64,
    /// Calls that failed, for any reason.
    pub failures: u64,
    /// Calls that failed because no reply came within the timeout.
    pub timeouts: u64,
    /// Calls that were sent again with the source of their script, because the
    /// server did not know it.
    pub unknown_scripts: u64,
    /// Redirections that were followed in a cluster.
    pub redirections: u64,
    /// Connections that were made.
    pub connects: u64,
    /// How often a breaker opened. In a cluster, each node has a breaker.
    pub opened: u64,
    /// How often a probe closed a breaker.
    pub closed: u64,
    /// Calls that an open breaker rejected.
    pub circuit_open: u64,
    /// Connections that were closed because a reply belonged to another call.
    pub mixed_up: u64,
}

/// A counter that any thread may raise.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// Reads the counter.
    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Declares [`Counters`] with a counter for each field of [`Stats`], so that a
/// new field is read and summed without further code.
macro_rules! call_counters {
    ($($name:ident),+ $(,)?) => {
        /// The live counters behind [`Stats`].
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)+
        }

        impl Counters {
            /// Reads all counters.
            pub(super) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.get(),)+ }
            }
        }

        impl Stats {
            /// Returns the sums of both.
            pub(super) fn plus(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)+ }
            }
        }
    };
}

call_counters! {
    calls, failures, timeouts, unknown_scripts, redirections, connects, opened, closed,
    circuit_open, mixed_up,
}

impl Counters {
    /// Counts a call that failed with this kind of error.
    pub(super) fn failed(&self, kind: ErrorKind) {
        self.failures.add();
        match kind {
            ErrorKind::TimedOut => self.timeouts.add(),
            ErrorKind::CircuitOpen => self.circuit_open.add(),
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
