//! The completions of a stripe: histograms of durations by completion key.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use crate::{
    histogram::Histogram,
    red::{
        CompletionKey, Exemplar, Exemplars, RegistrySettings, TraceId,
        export::{Recorders, record},
        snapshot,
    },
};

/// A linked list that only grows at its end, so that readers need no lock. It
/// is short: a route answers with few different statuses.
pub(super) type Chain = OnceLock<Box<Completion>>;

/// The requests of a stripe that ended with the same key.
pub(super) struct Completion {
    pub(super) key: CompletionKey,
    /// Durations until the end.
    durations: Histogram,
    /// Boxed, so that registries without exemplars and exporters pay one
    /// pointer.
    extras: Option<Box<Extras>>,
    /// The next completion of the stripe.
    pub(super) next: Chain,
}

/// The parts that only registries with exemplars or exporters need.
struct Extras {
    exemplars: Exemplars,
    recorders: Recorders,
}

impl Extras {
    /// Returns `None` if neither exemplars nor exporters are set.
    fn new(settings: &RegistrySettings, recorders: &Recorders) -> Option<Box<Self>> {
        let is_needed = settings.trace_finder.is_some() || !recorders.is_empty();
        is_needed.then(|| {
            Box::new(Self {
                exemplars: Exemplars::default(),
                recorders: Arc::clone(recorders),
            })
        })
    }

    /// Keeps an exemplar, and notifies the exporters.
    fn record(&self, bounds: &[u64], micros: u64, trace: Option<TraceId>) {
        if let Some(trace) = trace {
            self.exemplars.keep(bounds, micros, trace);
        }
        record(&self.recorders, micros);
    }
}

impl Completion {
    /// Returns a completion without requests.
    pub(super) fn new(
        key: CompletionKey,
        settings: &RegistrySettings,
        recorders: &Recorders,
    ) -> Self {
        Self {
            key,
            durations: Histogram::new(settings.bounds(key.streamed).len()),
            extras: Extras::new(settings, recorders),
            next: Chain::new(),
        }
    }

    /// Counts a request that took `micros` microseconds and may belong to a
    /// trace.
    #[inline]
    pub(super) fn record(&self, settings: &RegistrySettings, micros: u64, trace: Option<TraceId>) {
        let bounds = settings.bounds(self.key.streamed);
        self.durations.record(bounds, micros);
        if let Some(extras) = &self.extras {
            extras.record(bounds, micros, trace);
        }
    }

    /// Reads the counts.
    pub(super) fn read(&self, settings: &RegistrySettings) -> snapshot::Completion {
        snapshot::Completion {
            key: self.key,
            durations: self.durations.read(settings.bounds(self.key.streamed)),
            exemplars: self.exemplars(),
        }
    }

    /// Reads the exemplars; empty if they are off.
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
