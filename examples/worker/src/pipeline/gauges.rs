//! The gauges and counters of the pipeline.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{event::Reason, store::Totals};

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Prepare,
    Charge,
    Settle,
}

impl Stage {
    pub(crate) const ALL: [Self; 3] = [Self::Prepare, Self::Charge, Self::Settle];

    /// Returns its name, as in the labels of metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Charge => "charge",
            Self::Settle => "settle",
        }
    }
}

/// The depths of the channels and of the pools, and counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    inflight: [AtomicUsize; 3],
    pub(crate) counters: Counters,
    /// How many events are completed in a second, as the bits of an `f64`.
    rate: AtomicU64,
    /// The totals of the database, as they were at the last look.
    totals: Mutex<Totals>,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    /// Requests whose key was known.
    pub(crate) replayed: AtomicU64,
    /// Requests that were answered 503.
    pub(crate) refused: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) retried: AtomicU64,
    /// Attempts that were given back before they were begun.
    pub(crate) given_back: AtomicU64,
    /// Bookings of events that another process held by then.
    pub(crate) lost: AtomicU64,
    dead: [AtomicU64; Reason::ALL.len()],
}

/// How much there is where at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depths {
    /// Events in the channel before each stage.
    pub(crate) channel: [usize; 3],
    /// Events that each pool works on.
    pub(crate) inflight: [usize; 3],
}

/// An event that a pool works on, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a AtomicUsize);

impl Gauges {
    /// Counts an event that the pool of this stage works on.
    pub(super) fn begin(&self, stage: Stage) -> InFlight<'_> {
        let inflight = &self.inflight[stage as usize];
        inflight.fetch_add(1, Relaxed);
        InFlight(inflight)
    }

    /// Returns how many events each pool works on.
    pub(crate) fn inflight(&self) -> [usize; 3] {
        Stage::ALL.map(|stage| self.inflight[stage as usize].load(Relaxed))
    }

    /// Returns how many events were completed since the start.
    pub(crate) fn completed(&self) -> u64 {
        self.counters.completed.load(Relaxed)
    }

    /// Returns how many events were completed in each second of late.
    pub(crate) fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Relaxed))
    }

    /// Notes how many events were completed in the last second. Older seconds count
    /// less and less.
    pub(crate) fn add_to_rate(&self, completed: u64) {
        let rate = 0.7 * self.rate() + 0.3 * completed as f64;
        self.rate.store(rate.to_bits(), Relaxed);
    }

    /// Returns the totals of the database at the last look.
    pub(crate) fn totals(&self) -> Totals {
        let totals = self.totals.lock();
        totals.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_totals(&self, latest: Totals) {
        let totals = self.totals.lock();
        *totals.unwrap_or_else(PoisonError::into_inner) = latest;
    }
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn buried(&self, reason: Reason) {
        self.dead[reason as usize].fetch_add(1, Relaxed);
    }

    /// Returns how many became dead letters since the start, by their reason.
    pub(crate) fn dead(&self) -> BTreeMap<&'static str, u64> {
        let dead = |reason: Reason| {
            let count = self.dead[reason as usize].load(Relaxed);
            (reason.code(), count)
        };
        Reason::ALL.into_iter().map(dead).collect()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
