//! Writes an exposition with the encoder of `prometheus_client`.

use std::{collections::HashMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Unit,
};

use super::{
    exposition::{Exposition, FamilySamples, Sample, SampleValue},
    gather::gather,
};
use crate::{
    histogram::Durations,
    red::{
        Registry,
        export::{family::SECONDS, metric::underscored},
    },
};

/// Adds its families to a registry of other metrics.
#[cfg_attr(docsrs, doc(cfg(feature = "prometheus")))]
impl Collector for Registry {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode(&gather(self), encoder)
    }
}

/// An exposition that was gathered before.
#[derive(Debug)]
pub(crate) struct Prepared(pub(crate) Arc<Exposition>);

impl Collector for Prepared {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode(&self.0, encoder)
    }
}

/// Writes all families.
fn encode(exposition: &Exposition, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
    let mut families = exposition.families();
    families.try_for_each(|samples| samples.encode(&mut encoder))
}

impl FamilySamples {
    /// Writes the description of a family, and its samples.
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (underscored(self.family.name), self.family.help);
        let unit = (self.family.unit == SECONDS).then_some(Unit::Seconds);
        let of_type = self
            .samples
            .first()
            .map_or(MetricType::Unknown, Sample::of_type);
        let mut encoder = encoder.encode_descriptor(&name, help, unit.as_ref(), of_type)?;
        let mut samples = self.samples.iter();
        samples.try_for_each(|sample| sample.encode(&mut encoder))
    }
}

impl Sample {
    /// Returns the type of the family.
    fn of_type(&self) -> MetricType {
        match self.value {
            SampleValue::Histogram(..) => MetricType::Histogram,
            SampleValue::Gauge(_) | SampleValue::Ratio(_) => MetricType::Gauge,
            SampleValue::Counter(_) => MetricType::Counter,
        }
    }

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            return self.value.encode(encoder);
        }
        self.value.encode(&mut encoder.encode_family(&self.labels)?)
    }
}

/// The encoder's exemplars, which others cannot construct. The text format adds
/// its own afterwards.
type NoExemplars<'a> = Option<&'a HashMap<usize, Exemplar<NoLabelSet, f64>>>;

impl SampleValue {
    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Ratio(value) => encoder.encode_gauge(value),
            Self::Counter(value) => encoder.encode_counter::<NoLabelSet, _, f64>(value, None),
            Self::Histogram(durations, _) => {
                let (sum, count) = (durations.sum().as_secs_f64(), durations.count());
                let buckets = buckets(durations);
                encoder.encode_histogram(sum, count, &buckets, NoExemplars::None)
            }
        }
    }
}

/// Returns the upper bounds in seconds, with the counts.
fn buckets(durations: &Durations) -> Vec<(f64, u64)> {
    let buckets = durations.buckets();
    let seconds = buckets.map(|(bound, count)| match bound {
        Some(bound) => (bound.as_secs_f64(), count),
        None => (f64::INFINITY, count),
    });
    seconds.collect()
}
