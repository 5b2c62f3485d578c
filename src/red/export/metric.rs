use std::time::Duration;

use super::{
    attributes::{self, Attributes},
    family::{Families, Family, SECONDS},
};
use crate::red::{
    labels::Labels,
    {completion_key::CompletionKey, registry::settings::Settings},
};

/// What is exported of one label set: a name and attributes, by OpenTelemetry's
/// semantic conventions. See [`Export`](crate::red::Export).
#[derive(Clone, Debug)]
pub struct Metric<'a> {
    pub(crate) family: &'static Family,
    labels: &'a Labels,
    pub(crate) attributes: Attributes<'a>,
    bounds: &'a [u64],
}

impl<'a> Metric<'a> {
    /// How long requests took of which this came.
    pub(crate) fn ended(labels: &'a Labels, key: CompletionKey, settings: &'a Settings) -> Self {
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

    /// How long it took until there was a response, where there are such.
    pub(crate) fn headed(labels: &'a Labels, settings: &'a Settings) -> Option<Self> {
        let family = Families::of(labels.kind()).heads.as_ref()?;
        let bounds = settings.bounds(false);
        Some(Self {
            bounds,
            ..Self::of(family, labels, settings)
        })
    }

    /// How many requests have not ended.
    pub(crate) fn active(labels: &'a Labels, settings: &'a Settings) -> Self {
        Self::of(&Families::of(labels.kind()).active, labels, settings)
    }

    fn of(family: &'static Family, labels: &'a Labels, settings: &'a Settings) -> Self {
        Self {
            family,
            labels,
            attributes: attributes::of_series(labels, settings),
            bounds: &[],
        }
    }

    /// Its name in OpenTelemetry, such as `http.server.request.duration`.
    pub fn name(&self) -> &'static str {
        self.family.name
    }

    /// Its name in Prometheus, such as `http_server_request_duration_seconds`.
    pub fn prometheus_name(&self) -> String {
        self.family.prometheus_name()
    }

    /// What it says, in a sentence.
    pub fn help(&self) -> &'static str {
        self.family.help
    }

    /// `s`, or what is counted, such as `{request}`.
    pub fn unit(&self) -> &'static str {
        self.family.unit
    }

    /// What requests were told apart by.
    pub fn labels(&self) -> &'a Labels {
        self.labels
    }

    /// The same by name, and what came of the requests. Names have dots, such as
    /// `http.request.method`; what is not known is left out.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let attributes = self.attributes.iter();
        attributes.map(|(name, value)| (*name, value.to_string()))
    }

    /// The attributes as Prometheus has them: with underscores, and as texts.
    pub fn prometheus_labels(&self) -> impl Iterator<Item = (String, String)> {
        let attributes = self.attributes();
        attributes.map(|(name, value)| (underscored(name), value))
    }

    /// The upper bounds of the registry's buckets; none of what is no duration.
    pub fn buckets(&self) -> impl Iterator<Item = Duration> {
        self.bounds
            .iter()
            .map(|bound| Duration::from_micros(*bound))
    }
}

impl Family {
    pub(crate) fn prometheus_name(&self) -> String {
        let name = underscored(self.name);
        if self.unit == SECONDS {
            return name + "_seconds";
        }
        name
    }
}

pub(crate) fn underscored(name: &str) -> String {
    name.replace('.', "_")
}
