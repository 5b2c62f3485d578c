//! Everything that is exposed, family by family.

use std::collections::BTreeMap;

use super::components;
use crate::{
    histogram::Durations,
    red::{
        exemplar::Exemplar,
        export::{family::Family, metric::Metric},
        registry::{Registry, settings::Terms, shares::Overflowed},
        snapshot::Series,
    },
};

/// Families by their names, each with its samples.
pub(crate) type Gathered = BTreeMap<&'static str, Samples>;

/// All label sets of a family.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) family: &'static Family,
    pub(crate) samples: Vec<Sample>,
}

/// One label set.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
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
pub(crate) fn gather(registry: &Registry) -> Gathered {
    let snapshot = registry.snapshot();
    let mut gathered = Gathered::new();
    add_overflows(&mut gathered, snapshot.overflows);
    for series in snapshot.series {
        add_series(&mut gathered, series, registry.terms());
    }
    snapshot
        .limiters
        .iter()
        .for_each(|it| components::limiter(&mut gathered, it));
    snapshot
        .deadlines
        .iter()
        .for_each(|it| components::deadlines(&mut gathered, it));
    snapshot
        .connections
        .iter()
        .for_each(|it| components::connection(&mut gathered, it));
    snapshot
        .registries
        .iter()
        .for_each(|it| components::deadline_registry(&mut gathered, it));
    #[cfg(feature = "idempotency")]
    snapshot
        .keys
        .iter()
        .for_each(|it| components::keys(&mut gathered, it));
    registry
        .slos()
        .iter()
        .for_each(|it| components::slo(&mut gathered, it));
    gathered
}

fn add_overflows(into: &mut Gathered, overflows: Overflowed) {
    let Overflowed { served, sent } = overflows;
    for (side, count) in [("served", served), ("sent", sent)] {
        let labels = vec![("side".to_owned(), side.to_owned())];
        add(into, &OVERFLOWED, labels, Value::Gauge(count));
    }
}

fn add_series(into: &mut Gathered, series: Series, terms: &Terms) {
    let in_flight = Value::Gauge(series.in_flight());
    let labels = &series.labels;
    add_metric(into, &Metric::active(labels, terms), in_flight);
    if let Some(headed) = Metric::headed(labels, terms) {
        let heads = Value::Histogram(series.heads, Vec::new());
        add_metric(into, &headed, heads);
    }
    for completion in series.completions {
        let ended = Metric::ended(labels, completion.key, terms);
        let durations = Value::Histogram(completion.durations, completion.exemplars);
        add_metric(into, &ended, durations);
    }
}

fn add_metric(into: &mut Gathered, metric: &Metric<'_>, value: Value) {
    let labels = metric.prometheus_labels().collect();
    add(into, metric.family, labels, value);
}

pub(crate) fn add(
    into: &mut Gathered,
    family: &'static Family,
    labels: Vec<(String, String)>,
    value: Value,
) {
    let none = || Samples {
        family,
        samples: Vec::new(),
    };
    let samples = into.entry(family.name).or_insert_with(none);
    samples.samples.push(Sample { labels, value });
}
