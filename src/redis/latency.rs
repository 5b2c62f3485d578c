//! How long calls took.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::ticks,
    histogram::{Durations, Histogram},
};

/// Upper bounds in microseconds: from what a server in the same rack takes to ten
/// times the usual timeout.
const BOUNDS: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// How long calls took.
#[derive(Debug)]
pub(super) struct Latency {
    bounds: Arc<[u64]>,
    histogram: Histogram,
}

impl Latency {
    pub(super) fn new() -> Self {
        Self {
            bounds: BOUNDS.into(),
            histogram: Histogram::new(BOUNDS.len()),
        }
    }

    pub(super) fn record(&self, took: Duration) {
        self.histogram.record(&self.bounds, ticks(took));
    }

    pub(super) fn read(&self) -> Durations {
        self.histogram.read(&self.bounds)
    }
}
