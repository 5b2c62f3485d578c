//! What became of deadlines.

use std::{sync::Arc, time::Duration};

use super::striped::Striped;
use crate::{
    clock::ticks,
    deadline,
    histogram::{Durations, Histogram},
    red::Registry,
};

/// What became of deadlines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlineCounts {
    /// What was noticed of them.
    pub noticed: deadline::Snapshot,
    /// How much time was left of those with which requests came in, once they were
    /// cut to what is allowed.
    pub left: Durations,
}

impl DeadlineCounts {
    /// How many requests came in with a deadline.
    pub fn with(&self) -> u64 {
        self.left.count()
    }

    /// How many came in without one.
    pub fn without(&self) -> u64 {
        self.noticed.entered.saturating_sub(self.with())
    }
}

/// Upper bounds of what may be left, in milliseconds.
const BOUNDS: [u64; 14] = [
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

/// What became of deadlines.
pub(crate) struct Deadlines {
    bounds: Arc<[u64]>,
    stripes: Striped<DeadlineStripe>,
}

/// A request that came in is in one of the two: if there were a sum beside them,
/// what is left of it without the others could fall.
struct DeadlineStripe {
    /// Those without a deadline, and all that is not about coming in.
    counts: deadline::Counts,
    left: Histogram,
}

impl Deadlines {
    fn notice(&self, event: &deadline::Event) {
        let stripe = self.stripes.own();
        match event {
            deadline::Event::Entered(Some(left)) => stripe.left.record(&self.bounds, ticks(*left)),
            event => deadline::Observe::noticed(&stripe.counts, event),
        }
    }

    /// `None` before anything was noticed.
    pub(crate) fn read(&self) -> Option<DeadlineCounts> {
        let mut left = Durations::none(&self.bounds);
        for stripe in self.stripes.all() {
            left.add(&stripe.left.read(&self.bounds));
        }
        let counts = self.stripes.all().map(|stripe| stripe.counts.snapshot());
        let mut noticed: deadline::Snapshot = counts.sum();
        noticed.entered += left.count();
        (noticed != deadline::Snapshot::default()).then_some(DeadlineCounts { noticed, left })
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        let bounds: Arc<[u64]> = BOUNDS.map(|ms| ticks(Duration::from_millis(ms))).into();
        let stripe = || DeadlineStripe {
            counts: deadline::Counts::default(),
            left: Histogram::new(BOUNDS.len()),
        };
        Self {
            stripes: Striped::new(stripe),
            bounds,
        }
    }
}

/// Counts what becomes of deadlines: give it to the layers.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{deadline::EnforceDeadlineLayer, red::Registry};
///
/// let metrics = Registry::new();
/// let layer = EnforceDeadlineLayer::new().observe(Arc::new(metrics.clone()));
/// # let _ = layer;
/// ```
impl deadline::Observe for Registry {
    fn noticed(&self, event: &deadline::Event) {
        self.components().deadlines.notice(event);
    }
}
