//! Counters for limits of concurrency: which requests they let pass, and how
//! long those waited.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{by_name::ByName, sources::Sources};
use crate::{
    clock::ticks,
    concurrency::{self, LimitReading},
    histogram::{Durations, Histogram},
    stripes::Striped,
};

/// The requests at all limits of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyCounts {
    /// The name of the limit; empty for exempt requests, and `_overflow` for
    /// all after the first 256 names.
    pub name: String,
    /// The requests, by their outcome and level.
    pub decided: concurrency::Snapshot,
    /// How long requests waited in the queue, without those that did not wait.
    pub waits: Durations,
    /// The limit and what is in use of it, if the registry was given the limit.
    pub(crate) reading: Option<LimitReading>,
}

/// Upper bounds of waits, in milliseconds.
const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// Counters for limits of concurrency, by their names.
pub(crate) struct ConcurrencyLimits {
    /// The bounds of waits, in microseconds.
    bounds: Arc<[u64]>,
    /// From the events that layers notify of.
    decided: ByName<Striped<ConcurrencyStripe>>,
    /// From the limits.
    pub(crate) limits: Sources<Option<LimitReading>>,
}

/// The counters of one group of threads.
struct ConcurrencyStripe {
    counts: concurrency::Counts,
    waits: Histogram,
}

impl ConcurrencyLimits {
    /// Counts an event.
    pub(crate) fn notice(&self, event: &concurrency::Event<'_>) {
        let stripe = self.decided.of(event.limiter).own();
        concurrency::Observe::decided(&stripe.counts, event);
        if !event.waited.is_zero() {
            stripe.waits.record(&self.bounds, ticks(event.waited));
        }
    }

    /// Reads the counts of all limits, in the order of their names.
    pub(crate) fn read(&self) -> Vec<ConcurrencyCounts> {
        let decided = self.decided.all();
        let sums = decided.map(|(name, stripes)| (name.to_owned(), self.sum(name, stripes)));
        let mut all: BTreeMap<_, _> = sums.collect();
        for (name, reading) in self.limits.read() {
            let counts = all
                .entry(name)
                .or_insert_with_key(|name| self.nothing(name));
            counts.reading = reading;
        }
        all.into_values().collect()
    }

    fn sum(&self, name: &str, stripes: &Striped<ConcurrencyStripe>) -> ConcurrencyCounts {
        let mut sum = self.nothing(name);
        for stripe in stripes.all() {
            sum.decided = sum.decided + stripe.counts.snapshot();
            sum.waits.add(&stripe.waits.read(&self.bounds));
        }
        sum
    }

    fn nothing(&self, name: &str) -> ConcurrencyCounts {
        ConcurrencyCounts {
            name: name.into(),
            decided: concurrency::Snapshot::default(),
            waits: Durations::none(&self.bounds),
            reading: None,
        }
    }
}

impl Default for ConcurrencyLimits {
    fn default() -> Self {
        Self {
            bounds: BOUNDS_MS.map(|ms| ticks(Duration::from_millis(ms))).into(),
            decided: ByName::default(),
            limits: Sources::default(),
        }
    }
}

impl Default for ConcurrencyStripe {
    fn default() -> Self {
        Self {
            counts: concurrency::Counts::default(),
            waits: Histogram::new(BOUNDS_MS.len()),
        }
    }
}
