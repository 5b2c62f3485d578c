//! Counters for the events of the layers for deadlines.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::ticks,
    deadline,
    histogram::{Durations, Histogram},
    stripes::Striped,
};

/// The events of the layers for deadlines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlineCounts {
    /// The events.
    pub noticed: deadline::Snapshot,
    /// The time that received deadlines had left, after they were limited to
    /// the maximum.
    pub left: Durations,
}

#[cfg(any(feature = "prometheus", feature = "testing"))]
impl DeadlineCounts {
    /// Returns how many requests came in with a deadline.
    pub fn with(&self) -> u64 {
        self.left.count()
    }

    /// Returns how many requests came in without a deadline.
    pub fn without(&self) -> u64 {
        self.noticed.entered.saturating_sub(self.with())
    }
}

/// Upper bounds of the time that is left, in milliseconds.
const BOUNDS_MS: [u64; 14] = [
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

/// Counters for what the layers for deadlines notice.
pub(crate) struct Deadlines {
    /// The bounds of `left`, in microseconds.
    bounds: Arc<[u64]>,
    stripes: Striped<DeadlineStripe>,
}

/// The counters of one group of threads.
///
/// Requests with a deadline are counted only in `left`, those without only in
/// `counts`. If a total stood beside them, a reader between two writes could
/// see the requests without a deadline, which are a difference, fall.
struct DeadlineStripe {
    /// Events, and received requests without a deadline.
    counts: deadline::Counts,
    /// The time that received deadlines had left.
    left: Histogram,
}

impl Deadlines {
    /// Counts an event.
    pub(crate) fn notice(&self, event: &deadline::Event) {
        let stripe = self.stripes.own();
        match event {
            deadline::Event::Entered(Some(left)) => stripe.left.record(&self.bounds, ticks(*left)),
            event => deadline::Observe::noticed(&stripe.counts, event),
        }
    }

    /// Returns `None` before the first event.
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
        let bounds: Arc<[u64]> = BOUNDS_MS.map(|ms| ticks(Duration::from_millis(ms))).into();
        let stripe = || DeadlineStripe {
            counts: deadline::Counts::default(),
            left: Histogram::new(BOUNDS_MS.len()),
        };
        Self {
            stripes: Striped::new(stripe),
            bounds,
        }
    }
}
