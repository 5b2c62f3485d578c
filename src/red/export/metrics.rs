//! Recording requests into the `metrics` facade.

use ::metrics::{Key, Label, Level, Metadata, Unit, with_recorder};

use super::export::{ChangeFn, DurationFn, Export};
use crate::red::Metric;

/// Records each request into the recorder of the facade
/// [`metrics`](https://docs.rs/metrics); for
/// [`Builder::export`](crate::red::Builder::export).
///
/// It asks for the recorder once for each label set. So install the recorder
/// before the first request, and do not let it forget idle metrics. Names and
/// labels are those of [Prometheus](Metric::prometheus_name), so that the same
/// dashboards work. The buckets are the recorder's.
///
/// ```
/// use sluicegate::red::{self, Registry};
///
/// let metrics = Registry::builder().export(red::metrics::Exporter::new()).build();
/// # let _ = metrics;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Exporter(());

impl Exporter {
    /// Returns an exporter. There is nothing to set.
    pub const fn new() -> Self {
        Self(())
    }
}

/// The facade's description of where a metric comes from.
static METADATA: Metadata<'_> = Metadata::new(module_path!(), Level::INFO, None);

impl Export for Exporter {
    fn durations(&self, metric: &Metric<'_>) -> DurationFn {
        let (name, help) = (metric.prometheus_name().into(), metric.help().into());
        let histogram = with_recorder(|recorder| {
            recorder.describe_histogram(name, Some(Unit::Seconds), help);
            recorder.register_histogram(&key(metric), &METADATA)
        });
        Box::new(move |took| histogram.record(took.as_secs_f64()))
    }

    fn active(&self, metric: &Metric<'_>) -> ChangeFn {
        let (name, help) = (metric.prometheus_name().into(), metric.help().into());
        let gauge = with_recorder(|recorder| {
            recorder.describe_gauge(name, Some(Unit::Count), help);
            recorder.register_gauge(&key(metric), &METADATA)
        });
        Box::new(move |by| gauge.increment(by as f64))
    }
}

/// Returns the name and labels as the facade's key.
fn key(metric: &Metric<'_>) -> Key {
    let labels = metric.prometheus_labels();
    let labels: Vec<_> = labels
        .map(|(name, value)| Label::new(name, value))
        .collect();
    Key::from_parts(metric.prometheus_name(), labels)
}
