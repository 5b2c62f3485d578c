use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{series::Key, settings::Terms};
use crate::{
    histogram::Histogram,
    red::{
        exemplar::{Exemplar, Exemplars, TraceId},
        export::{self, Records},
        snapshot,
    },
};

/// Grows at its end, and is read without a lock. It is short: few statuses are
/// ever seen of one route.
pub(crate) type Chain = OnceLock<Box<Completion>>;

/// The requests of a stripe of which the same came.
pub(crate) struct Completion {
    pub(crate) key: Key,
    durations: Histogram,
    /// What few registries have, so that the others do not pay for it.
    more: Option<Box<More>>,
    pub(crate) next: Chain,
}

struct More {
    exemplars: Exemplars,
    records: Records,
}

impl More {
    fn new(terms: &Terms, records: &Records) -> Option<Box<Self>> {
        let is_wanted = terms.traces.is_some() || !records.is_empty();
        let more = || Self {
            exemplars: Exemplars::default(),
            records: Arc::clone(records),
        };
        is_wanted.then(|| Box::new(more()))
    }

    fn record(&self, bounds: &[u64], micros: u64, trace: Option<TraceId>) {
        if let Some(trace) = trace {
            self.exemplars.keep(bounds, micros, trace);
        }
        export::record(&self.records, micros);
    }
}

impl Completion {
    pub(crate) fn new(key: Key, terms: &Terms, records: &Records) -> Self {
        Self {
            key,
            durations: Histogram::new(terms.bounds(key.streamed).len()),
            more: More::new(terms, records),
            next: Chain::new(),
        }
    }

    /// Counts one more, of so many microseconds and perhaps of a trace.
    #[inline]
    pub(crate) fn record(&self, terms: &Terms, micros: u64, trace: Option<TraceId>) {
        let bounds = terms.bounds(self.key.streamed);
        self.durations.record(bounds, micros);
        if let Some(more) = &self.more {
            more.record(bounds, micros, trace);
        }
    }

    pub(crate) fn read(&self, terms: &Terms) -> snapshot::Completion {
        snapshot::Completion {
            key: self.key,
            durations: self.durations.read(terms.bounds(self.key.streamed)),
            exemplars: self.exemplars(),
        }
    }
}

impl Completion {
    fn exemplars(&self) -> Vec<Option<Exemplar>> {
        let more = self.more.as_ref();
        more.map_or_else(Vec::new, |more| more.exemplars.read())
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
