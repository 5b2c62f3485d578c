//! Telling others of each request.

use std::{fmt, sync::Arc, time::Duration};

use super::metric::Metric;
use crate::red::{
    labels::Labels,
    {completion_key::CompletionKey, registry::settings::Settings},
};

/// Is told of each request, for what cannot be read from a registry afterwards:
/// other libraries want each duration, for their buckets are their own.
///
/// It is asked once for each label set, and what it answers is called on the path
/// of requests from then on, so that should be quick and must not panic. It must
/// not ask a service whose requests are counted in the same registry. Give it to
/// [`Builder::export`](crate::red::Builder::export). Of the features, `metrics` and
/// `opentelemetry` each have one.
///
/// ```
/// use std::{sync::{Arc, atomic::{AtomicI64, Ordering}}, time::Duration};
/// use sluicegate::red::{Change, Export, Metric, Record, Registry};
///
/// /// Writes lines as statsd wants them.
/// #[derive(Debug)]
/// struct Lines;
///
/// impl Export for Lines {
///     fn durations(&self, metric: &Metric<'_>) -> Record {
///         let name = metric.name();
///         Box::new(move |took| println!("{name}:{}|ms", took.as_millis()))
///     }
///
///     fn active(&self, metric: &Metric<'_>) -> Change {
///         let name = metric.name();
///         Box::new(move |by| println!("{name}:{by:+}|g"))
///     }
/// }
///
/// let metrics = Registry::builder().export(Lines).build();
/// # let _ = metrics;
/// ```
pub trait Export: fmt::Debug + Send + Sync + 'static {
    /// What is told how long each request took, of this label set.
    fn durations(&self, metric: &Metric<'_>) -> Record;

    /// What is told of each request that it has begun, by 1, and that it has ended,
    /// by -1.
    fn active(&self, metric: &Metric<'_>) -> Change;
}

/// Is told how long a request took.
pub type Record = Box<dyn Fn(Duration) + Send + Sync>;

/// Is told by how much a number has changed.
pub type Change = Box<dyn Fn(i64) + Send + Sync>;

/// The exporters of a registry.
pub(crate) type Exports = Vec<Box<dyn Export>>;

/// Callbacks for durations. All stripes of a series share them.
pub(crate) type Recorders = Arc<[Record]>;

/// The exporters' callbacks for the requests of one series, however they end.
pub(crate) struct ExportHooks {
    heads: Recorders,
    active: Box<[Change]>,
}

impl ExportHooks {
    /// Asks the exporters for their callbacks; `None` without exporters.
    pub(crate) fn new(
        labels: &Labels,
        exports: &Exports,
        settings: &Settings,
    ) -> Option<Box<Self>> {
        if exports.is_empty() {
            return None;
        }
        let active = Metric::active(labels, settings);
        let heads = Metric::headed(labels, settings);
        Some(Box::new(Self {
            heads: heads
                .map(|heads| recorders(&heads, exports))
                .unwrap_or_default(),
            active: exports.iter().map(|it| it.active(&active)).collect(),
        }))
    }

    #[inline]
    pub(crate) fn start(&self) {
        self.active.iter().for_each(|change| change(1));
    }

    #[inline]
    pub(crate) fn end(&self) {
        self.active.iter().for_each(|change| change(-1));
    }

    #[inline]
    pub(crate) fn head(&self, micros: u64) {
        record(&self.heads, micros);
    }
}

/// Asks the exporters for their callbacks for completions with this key.
pub(crate) fn completion_recorders(
    labels: &Labels,
    key: CompletionKey,
    exports: &Exports,
    settings: &Settings,
) -> Recorders {
    if exports.is_empty() {
        return Recorders::default();
    }
    recorders(&Metric::ended(labels, key, settings), exports)
}

fn recorders(metric: &Metric<'_>, exports: &Exports) -> Recorders {
    exports.iter().map(|it| it.durations(metric)).collect()
}

#[inline]
pub(crate) fn record(recorders: &[Record], micros: u64) {
    let took = Duration::from_micros(micros);
    recorders.iter().for_each(|record| record(took));
}
