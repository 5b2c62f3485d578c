//! Recording requests into instruments of OpenTelemetry, and reading its
//! current trace.

use ::opentelemetry::{Context, KeyValue, metrics::Meter, trace::TraceContextExt};
use http::HeaderMap;

use super::{
    attributes::AttributeValue,
    export::{ChangeFn, DurationFn, Export},
};
use crate::red::{Metric, TraceId};

/// Records each request into instruments of a meter; for
/// [`Builder::export`](crate::red::Builder::export).
///
/// Names, units and attributes are those of semantic conventions, in the
/// [version](crate::red::Builder::conventions) of the registry. The buckets are
/// the registry's, unless a view of the SDK sets others.
///
/// ```
/// use opentelemetry::global;
/// use sluicegate::red::{self, Registry};
///
/// let exporter = red::opentelemetry::Exporter::new(global::meter("orders"));
/// let metrics = Registry::builder().export(exporter).build();
/// # let _ = metrics;
/// ```
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Creates the instruments.
    meter: Meter,
}

impl Exporter {
    /// Returns an exporter that creates its instruments with this meter. Take
    /// the meter from the provider that is used in the end: a provider that is
    /// set globally later has no effect.
    pub fn new(meter: Meter) -> Self {
        Self { meter }
    }
}

impl Export for Exporter {
    fn durations(&self, metric: &Metric<'_>) -> DurationFn {
        let bounds = metric.buckets().map(|bound| bound.as_secs_f64());
        let histogram = self.meter.f64_histogram(metric.name());
        let histogram = histogram
            .with_unit(metric.unit())
            .with_description(metric.help())
            .with_boundaries(bounds.collect())
            .build();
        let attributes = attributes(metric);
        Box::new(move |took| histogram.record(took.as_secs_f64(), &attributes))
    }

    fn active(&self, metric: &Metric<'_>) -> ChangeFn {
        let counter = self.meter.i64_up_down_counter(metric.name());
        let counter = counter
            .with_unit(metric.unit())
            .with_description(metric.help())
            .build();
        let attributes = attributes(metric);
        Box::new(move |by| counter.add(by, &attributes))
    }
}

/// Returns the attributes as OpenTelemetry's type.
fn attributes(metric: &Metric<'_>) -> Box<[KeyValue]> {
    let attributes = metric.attributes.iter();
    let attributes = attributes.map(|(name, value)| match value {
        AttributeValue::Text(text) => KeyValue::new(*name, text.to_string()),
        AttributeValue::Number(number) => KeyValue::new(*name, i64::from(*number)),
    });
    attributes.collect()
}

#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
impl TraceId {
    /// Returns the trace of the current span if it is sampled; for
    /// [`Builder::exemplars`](crate::red::Builder::exemplars).
    ///
    /// The registry asks when a request begins, so the layer that creates the
    /// span has to be outside of the [`RedLayer`](crate::red::RedLayer). Where
    /// it is not, the trace that the caller began can be used instead:
    ///
    /// ```
    /// use sluicegate::red::{Registry, TraceId};
    ///
    /// let metrics = Registry::builder()
    ///     .exemplars(|headers| TraceId::current(headers).or_else(|| TraceId::from_traceparent(headers)))
    ///     .build();
    /// # let _ = metrics;
    /// ```
    pub fn current(_headers: &HeaderMap) -> Option<Self> {
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            let trace = TraceId::from_bytes(span.trace_id().to_bytes())?;
            (span.is_valid() && span.is_sampled()).then_some(trace)
        })
    }
}
