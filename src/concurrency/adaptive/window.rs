//! The window that is open. All threads count into it without a lock.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{algorithm::Sample, durations::Histogram};
use crate::clock::Tick;

/// The samples that end a window that is old enough.
const MIN_SAMPLES: u64 = 10;
/// How many times as long as it has to be a window lasts at most, if it has
/// fewer samples.
const LONGEST: u64 = 4;

/// The bits of the number of samples. The permits in flight have 24, so their sum
/// fits into the other 44.
const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// The samples that are enough for any window: later ones are not counted. The
/// threads that count at once cannot exceed the bits.
const MAX_SAMPLES: u64 = COUNT_MASK - (1 << 12);

/// The counts of the window that is open.
///
/// An end takes each count once, so a request that races with it is in one of
/// the two windows.
#[derive(Debug)]
pub(super) struct SampleWindow {
    /// How old it is at least at its end.
    age: Tick,
    begun: AtomicU64,
    /// The number of samples, in the lower [`COUNT_BITS`], and above it the sum
    /// of the permits in flight at admissions: one addition counts both.
    counts: AtomicU64,
    /// The sum of all durations, in nanoseconds. Not used with a percentile.
    total: AtomicU64,
    most_in_flight: AtomicU32,
    is_overloaded: AtomicBool,
    /// The percentile that is taken, and the durations for it; without it, the
    /// mean is taken.
    percentile: Option<(f64, Histogram)>,
}

impl SampleWindow {
    pub(super) fn new(age: Tick, percentile: Option<f64>) -> Self {
        Self {
            age,
            begun: AtomicU64::new(0),
            counts: AtomicU64::new(0),
            total: AtomicU64::new(0),
            most_in_flight: AtomicU32::new(0),
            is_overloaded: AtomicBool::new(false),
            percentile: percentile.map(|percentile| (percentile, Histogram::new())),
        }
    }

    /// Counts a request that ended in its own time.
    #[inline]
    pub(super) fn record(&self, took: Duration, in_flight: u32) {
        if self.count() >= MAX_SAMPLES {
            return;
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let one = 1 | u64::from(in_flight) << COUNT_BITS;
        self.counts.fetch_add(one, Relaxed);
        if in_flight > self.most_in_flight.load(Relaxed) {
            self.most_in_flight.fetch_max(in_flight, Relaxed);
        }
        match &self.percentile {
            Some((_, durations)) => durations.record(nanos),
            None => _ = self.total.fetch_add(nanos, Relaxed),
        }
    }

    /// Returns the number of samples.
    #[inline]
    fn count(&self) -> u64 {
        self.counts.load(Relaxed) & COUNT_MASK
    }

    /// Notes that a request met an overload.
    pub(super) fn overloaded(&self) {
        self.is_overloaded.store(true, Relaxed);
    }

    /// Returns whether it ends now: it is old enough, and has enough samples or
    /// is very old.
    #[inline]
    pub(super) fn has_ended(&self, now: Tick) -> bool {
        let age = now.saturating_sub(self.begun.load(Relaxed));
        let has_enough = self.count() >= MIN_SAMPLES;
        age >= self.age && has_enough || age >= self.age * LONGEST
    }

    /// Ends it, and begins the next one.
    pub(super) fn close(&self, now: Tick) -> Sample {
        self.begun.store(now, Relaxed);
        let counts = self.counts.swap(0, Relaxed);
        let count = (counts & COUNT_MASK) as u32;
        let in_flight = counts >> COUNT_BITS;
        let total = self.total.swap(0, Relaxed);
        let took = match &self.percentile {
            Some((percentile, durations)) => durations.take(*percentile),
            None => total.checked_div(count.into()).map(Duration::from_nanos),
        };
        Sample {
            took,
            count,
            in_flight: in_flight as f64 / f64::from(count.max(1)),
            most_in_flight: self.most_in_flight.swap(0, Relaxed),
            is_overloaded: self.is_overloaded.swap(false, Relaxed),
            is_lowest: false,
        }
    }
}
