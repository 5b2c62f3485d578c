//! Everything that is exposed, family by family.

use std::collections::BTreeMap;

use super::components;
use crate::{
    histogram::Durations,
    red::{
        exemplar::Exemplar,
        export::{family::Family, metric::Metric},
        registry::{Registry, settings::Settings, shares::Overflowed},
        snapshot::Series,
    },
};

/// Families by their names, each with its samples.
pub(crate) type Exposition = BTreeMap<&'static str, FamilySamples>;

/// All label sets of a family.
#[derive(Debug)]
pub(crate) struct FamilySamples {
    pub(crate) family: &'static Family,
    pub(crate) samples: Vec<Sample>,
}

/// One label set.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: SampleValue,
}

#[derive(Debug)]
pub(crate) enum SampleValue {
    /// Exemplars are by bucket, or there are none.
    Histogram(Durations, Vec<Option<Exemplar>>),
    Gauge(u64),
    /// A gauge that is no whole number.
    Share(f64),
    Counter(u64),
}

/// What there was no room for, by side.
static OVERFLOWED: Family = Family {
    name: "sluicegate.red.overflowed_series",
    unit: "{series}",
    help: "About how many label sets had no room; they are counted as the route _overflow.",
};

/// What was counted up to now.
pub(crate) fn gather(registry: &Registry) -> Exposition {
    let snapshot = registry.snapshot();
    let mut exposition = Exposition::new();
    add_overflows(&mut exposition, snapshot.overflows);
    for series in snapshot.series {
        add_series(&mut exposition, series, registry.settings());
    }
    snapshot
        .limiters
        .iter()
        .for_each(|it| components::limiter(&mut exposition, it));
    snapshot
        .deadlines
        .iter()
        .for_each(|it| components::deadlines(&mut exposition, it));
    snapshot
        .connections
        .iter()
        .for_each(|it| components::connection(&mut exposition, it));
    snapshot
        .registries
        .iter()
        .for_each(|it| components::deadline_registry(&mut exposition, it));
    #[cfg(feature = "idempotency")]
    snapshot
        .keys
        .iter()
        .for_each(|it| components::keys(&mut exposition, it));
    registry
        .slos()
        .iter()
        .for_each(|it| components::slo(&mut exposition, it));
    exposition
}

fn add_overflows(into: &mut Exposition, overflows: Overflowed) {
    let Overflowed { served, sent } = overflows;
    for (side, count) in [("served", served), ("sent", sent)] {
        let labels = vec![("side".to_owned(), side.to_owned())];
        add(into, &OVERFLOWED, labels, SampleValue::Gauge(count));
    }
}

fn add_series(into: &mut Exposition, series: Series, settings: &Settings) {
    let in_flight = SampleValue::Gauge(series.in_flight());
    let labels = &series.labels;
    add_metric(into, &Metric::active(labels, settings), in_flight);
    if let Some(headed) = Metric::headed(labels, settings) {
        let heads = SampleValue::Histogram(series.heads, Vec::new());
        add_metric(into, &headed, heads);
    }
    for completion in series.completions {
        let ended = Metric::ended(labels, completion.key, settings);
        let durations = SampleValue::Histogram(completion.durations, completion.exemplars);
        add_metric(into, &ended, durations);
    }
}

fn add_metric(into: &mut Exposition, metric: &Metric<'_>, value: SampleValue) {
    let labels = metric.prometheus_labels().collect();
    add(into, metric.family, labels, value);
}

pub(crate) fn add(
    into: &mut Exposition,
    family: &'static Family,
    labels: Vec<(String, String)>,
    value: SampleValue,
) {
    let none = || FamilySamples {
        family,
        samples: Vec::new(),
    };
    let samples = into.entry(family.name).or_insert_with(none);
    samples.samples.push(Sample { labels, value });
}
