use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{series::CompletionKey, settings::Settings};
use crate::{
    histogram::Histogram,
    red::{
        exemplar::{Exemplar, Exemplars, TraceId},
        export::{self, Recorders},
        snapshot,
    },
};

/// Grows at its end, and is read without a lock. It is short: few statuses are
/// ever seen of one route.
pub(crate) type Chain = OnceLock<Box<Completion>>;

/// The requests of a stripe of which the same came.
pub(crate) struct Completion {
    pub(crate) key: CompletionKey,
    durations: Histogram,
    /// What few registries have, so that the others do not pay for it.
    extras: Option<Box<Extras>>,
    pub(crate) next: Chain,
}

struct Extras {
    exemplars: Exemplars,
    recorders: Recorders,
}

impl Extras {
    fn new(settings: &Settings, recorders: &Recorders) -> Option<Box<Self>> {
        let is_wanted = settings.traces.is_some() || !recorders.is_empty();
        let extras = || Self {
            exemplars: Exemplars::default(),
            recorders: Arc::clone(recorders),
        };
        is_wanted.then(|| Box::new(extras()))
    }

    fn record(&self, bounds: &[u64], micros: u64, trace: Option<TraceId>) {
        if let Some(trace) = trace {
            self.exemplars.keep(bounds, micros, trace);
        }
        export::record(&self.recorders, micros);
    }
}

impl Completion {
    pub(crate) fn new(key: CompletionKey, settings: &Settings, recorders: &Recorders) -> Self {
        Self {
            key,
            durations: Histogram::new(settings.bounds(key.streamed).len()),
            extras: Extras::new(settings, recorders),
            next: Chain::new(),
        }
    }

    /// Counts one extras, of so many microseconds and perhaps of a trace.
    #[inline]
    pub(crate) fn record(&self, settings: &Settings, micros: u64, trace: Option<TraceId>) {
        let bounds = settings.bounds(self.key.streamed);
        self.durations.record(bounds, micros);
        if let Some(extras) = &self.extras {
            extras.record(bounds, micros, trace);
        }
    }

    pub(crate) fn read(&self, settings: &Settings) -> snapshot::Completion {
        snapshot::Completion {
            key: self.key,
            durations: self.durations.read(settings.bounds(self.key.streamed)),
            exemplars: self.exemplars(),
        }
    }
}

impl Completion {
    fn exemplars(&self) -> Vec<Option<Exemplar>> {
        let extras = self.extras.as_ref();
        extras.map_or_else(Vec::new, |extras| extras.exemplars.read())
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
