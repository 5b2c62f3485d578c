//! A series: the requests of one label set. The table holds all of them.

use std::sync::{Arc, OnceLock};

use super::stripe::{Common, SeriesContext, Stripe};
use crate::{
    histogram::Durations,
    red::{Kind, Labels, LabelsRef, snapshot},
    stripes::thread_number,
};

/// The requests of one label set, counted in stripes. Groups of threads have a
/// stripe each, so that they do not write to each other's cache lines.
#[derive(Debug)]
pub(crate) struct Series {
    common: Arc<Common>,
    stripes: Box<[OnceLock<Arc<Stripe>>]>,
}

/// The number of stripes that all threads share while a series is not busy.
const FIRST_STRIPES: usize = 2;

/// The number of requests in a stripe that makes a series busy.
const BUSY_REQUESTS: u64 = 1_000;

impl Series {
    /// Returns a series for which the caller has taken room in the budget.
    pub(super) fn new(labels: Labels, context: &Arc<SeriesContext>) -> Self {
        Self::with(Common::new(labels, context, false))
    }

    /// Returns the series that counts the requests of a kind without room.
    pub(super) fn overflow(kind: Kind, context: &Arc<SeriesContext>) -> Self {
        let labels = LabelsRef::overflow(kind).to_labels();
        Self::with(Common::new(labels, context, true))
    }

    /// Returns a series without stripes: threads make them.
    fn with(common: Common) -> Self {
        let stripes = common.settings().stripes;
        Self {
            common: Arc::new(common),
            stripes: (0..stripes).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Returns the labels.
    pub(crate) fn labels(&self) -> &Labels {
        &self.common.labels
    }

    /// Returns the stripe in which this thread counts.
    #[inline]
    pub(super) fn stripe(&self) -> &Arc<Stripe> {
        // A mask instead of a remainder: the number of stripes is a power of
        // two.
        let nth = thread_number() & (self.stripes.len() - 1);
        self.stripes[nth].get().unwrap_or_else(|| self.share(nth))
    }

    /// Returns one of the first stripes until the series is busy: most series
    /// count too little to be worth the memory of more stripes.
    fn share(&self, nth: usize) -> &Arc<Stripe> {
        let shared = self.made(nth % FIRST_STRIPES);
        match nth < FIRST_STRIPES || shared.begun() < BUSY_REQUESTS {
            true => shared,
            false => self.made(nth),
        }
    }

    /// Returns a stripe, which is made if it does not exist.
    fn made(&self, nth: usize) -> &Arc<Stripe> {
        self.stripes[nth].get_or_init(|| Arc::new(Stripe::new(&self.common)))
    }

    /// Reads all counts. Completions are read before starts, so that a snapshot
    /// never has more ends than starts.
    pub(super) fn read(&self) -> snapshot::Series {
        let bounds = &self.common.settings().bounds;
        let mut completions = self.completions();
        completions.sort_by_key(|completion| completion.key);
        let mut heads = Durations::none(bounds);
        for stripe in self.stripes() {
            heads.add(&stripe.heads());
        }
        let started = self.stripes().map(|it| it.started());
        snapshot::Series {
            labels: self.common.labels.clone(),
            started: started.sum(),
            heads,
            completions,
        }
    }

    /// Reads the completions, in no particular order.
    pub(crate) fn completions(&self) -> Vec<snapshot::Completion> {
        let mut completions = Vec::new();
        for stripe in self.stripes() {
            stripe.read_completions(&mut completions);
        }
        completions
    }

    /// Returns the stripes that exist.
    fn stripes(&self) -> impl Iterator<Item = &Arc<Stripe>> {
        self.stripes.iter().filter_map(OnceLock::get)
    }
}
