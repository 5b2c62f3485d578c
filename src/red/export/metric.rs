//! A metric of one label set, as exporters see it.

use std::time::Duration;

use super::{
    attributes::{self, Attributes},
    family::{Families, Family, SECONDS},
};
use crate::red::{CompletionKey, Labels, RegistrySettings};

/// A metric of one label set: its name and attributes follow OpenTelemetry's
/// semantic conventions. [`Export`](super::Export) gets it.
///
/// ```
/// use sluicegate::red::Metric;
///
/// /// Returns the name and labels as Prometheus writes them.
/// fn series(metric: &Metric<'_>) -> String {
///     let labels = metric.prometheus_labels();
///     let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
///     format!("{}{{{}}}", metric.prometheus_name(), labels.join(","))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Metric<'a> {
    /// The name, unit and help text.
    pub(crate) family: &'static Family,
    labels: &'a Labels,
    /// The attributes, with the types that OpenTelemetry wants.
    pub(crate) attributes: Attributes<'a>,
    /// Upper bounds of the buckets in microseconds; empty unless it is a
    /// histogram.
    bounds: &'a [u64],
}

impl<'a> Metric<'a> {
    /// The durations of requests that ended with this key.
    pub(crate) fn ended(
        labels: &'a Labels,
        key: CompletionKey,
        settings: &'a RegistrySettings,
    ) -> Self {
        let families = Families::of(labels.kind());
        let family = if key.streamed {
            &families.streams
        } else {
            &families.durations
        };
        let mut metric = Self::of(family, labels, settings);
        let attributes = attributes::of_completion(labels.kind(), key, settings.conventions);
        metric.attributes.extend(attributes);
        metric.bounds = settings.bounds(key.streamed);
        metric
    }

    /// The durations until there was a response, for kinds that have responses.
    pub(crate) fn headed(labels: &'a Labels, settings: &'a RegistrySettings) -> Option<Self> {
        let family = Families::of(labels.kind()).heads.as_ref()?;
        let bounds = settings.bounds(false);
        Some(Self {
            bounds,
            ..Self::of(family, labels, settings)
        })
    }

    /// The number of requests in flight.
    pub(crate) fn active(labels: &'a Labels, settings: &'a RegistrySettings) -> Self {
        Self::of(&Families::of(labels.kind()).active, labels, settings)
    }

    /// Returns a metric without buckets, with the attributes of the labels.
    fn of(family: &'static Family, labels: &'a Labels, settings: &'a RegistrySettings) -> Self {
        Self {
            family,
            labels,
            attributes: attributes::of_series(labels, settings),
            bounds: &[],
        }
    }

    /// Returns the name in OpenTelemetry, such as
    /// `http.server.request.duration`.
    pub fn name(&self) -> &'static str {
        self.family.name
    }

    /// Returns the name in Prometheus, such as
    /// `http_server_request_duration_seconds`.
    pub fn prometheus_name(&self) -> String {
        self.family.prometheus_name()
    }

    /// Returns a sentence that explains the metric.
    pub fn help(&self) -> &'static str {
        self.family.help
    }

    /// Returns the unit: `s`, or what is counted, such as `{request}`.
    pub fn unit(&self) -> &'static str {
        self.family.unit
    }

    /// Returns the labels of the requests.
    pub fn labels(&self) -> &'a Labels {
        self.labels
    }

    /// Returns the labels by their names in OpenTelemetry, such as
    /// `http.request.method`, and how the requests ended. Unknown attributes
    /// are left out.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let attributes = self.attributes.iter();
        attributes.map(|(name, value)| (*name, value.to_string()))
    }

    /// Returns the attributes by their names in Prometheus, with underscores.
    pub fn prometheus_labels(&self) -> impl Iterator<Item = (String, String)> {
        let attributes = self.attributes();
        attributes.map(|(name, value)| (underscored(name), value))
    }

    /// Returns the upper bounds of the registry's buckets; none unless the
    /// metric is a histogram.
    pub fn buckets(&self) -> impl Iterator<Item = Duration> {
        self.bounds
            .iter()
            .map(|bound| Duration::from_micros(*bound))
    }
}

impl Family {
    /// Returns the name in Prometheus, with the unit as suffix.
    pub(crate) fn prometheus_name(&self) -> String {
        let name = underscored(self.name);
        if self.unit == SECONDS {
            return name + "_seconds";
        }
        name
    }
}

/// Returns a name of OpenTelemetry as Prometheus writes it.
pub(crate) fn underscored(name: &str) -> String {
    name.replace('.', "_")
}
