//! The trait of exporters, and their callbacks for the series of a registry.

use std::{fmt, sync::Arc, time::Duration};

use crate::red::{CompletionKey, Labels, Metric, RegistrySettings};

/// Is notified of each request, for libraries that want every duration because
/// their buckets are their own.
///
/// It is asked for callbacks once for each label set. These run while a request
/// waits, so they should be quick and must not panic. They must not call a
/// service whose requests are counted in the same registry. Give the exporter
/// to
/// [`Builder::export`](crate::red::Builder::export). The features `metrics` and
/// `opentelemetry` bring one each.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::red::{Export, Metric, Registry};
///
/// /// Prints lines in the format of statsd.
/// #[derive(Debug)]
/// struct Statsd;
///
/// impl Export for Statsd {
///     fn durations(&self, metric: &Metric<'_>) -> Box<dyn Fn(Duration) + Send + Sync> {
///         let name = metric.name();
///         Box::new(move |took| println!("{name}:{}|ms", took.as_millis()))
///     }
///
///     fn active(&self, metric: &Metric<'_>) -> Box<dyn Fn(i64) + Send + Sync> {
///         let name = metric.name();
///         Box::new(move |by| println!("{name}:{by:+}|g"))
///     }
/// }
///
/// let metrics = Registry::builder().export(Statsd).build();
/// # let _ = metrics;
/// ```
pub trait Export: fmt::Debug + Send + Sync + 'static {
    /// Returns a callback for the duration of each request of this label set.
    fn durations(&self, metric: &Metric<'_>) -> DurationFn;

    /// Returns a callback for the number of requests in flight: it gets 1 when
    /// a request begins and -1 when it ends.
    fn active(&self, metric: &Metric<'_>) -> ChangeFn;
}

/// A callback for durations.
pub(crate) type DurationFn = Box<dyn Fn(Duration) + Send + Sync>;

/// A callback for changes of a number.
pub(crate) type ChangeFn = Box<dyn Fn(i64) + Send + Sync>;

/// The exporters of a registry.
pub(crate) type Exports = Vec<Box<dyn Export>>;

/// Callbacks for durations. All stripes of a series share them.
pub(crate) type Recorders = Arc<[DurationFn]>;

/// The exporters' callbacks for the requests of one series, however they end.
pub(crate) struct ExportHooks {
    /// Callbacks for the durations until there was a response.
    heads: Recorders,
    /// Callbacks for the number of requests in flight.
    active: Box<[ChangeFn]>,
}

impl ExportHooks {
    /// Asks the exporters for their callbacks; `None` without exporters.
    pub(crate) fn new(
        labels: &Labels,
        exports: &Exports,
        settings: &RegistrySettings,
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

    /// Notifies the exporters that a request has begun.
    #[inline]
    pub(crate) fn start(&self) {
        self.active.iter().for_each(|change| change(1));
    }

    /// Notifies the exporters that a request has ended, or has moved to another
    /// series.
    #[inline]
    pub(crate) fn end(&self) {
        self.active.iter().for_each(|change| change(-1));
    }

    /// Notifies the exporters that a response began after `micros`
    /// microseconds.
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
    settings: &RegistrySettings,
) -> Recorders {
    if exports.is_empty() {
        return Recorders::default();
    }
    recorders(&Metric::ended(labels, key, settings), exports)
}

/// Asks all exporters for their callbacks for a histogram.
fn recorders(metric: &Metric<'_>, exports: &Exports) -> Recorders {
    exports.iter().map(|it| it.durations(metric)).collect()
}

/// Calls the callbacks with a duration in microseconds.
#[inline]
pub(crate) fn record(recorders: &[DurationFn], micros: u64) {
    let took = Duration::from_micros(micros);
    recorders.iter().for_each(|record| record(took));
}
