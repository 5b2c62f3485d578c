//! Reads a registry into an exposition.

use super::{
    components,
    exposition::{Exposition, SampleValue},
};
use crate::red::{Metric, Registry, RegistrySettings, Series, Snapshot, export::family::Family};

static OVERFLOWED: Family = Family {
    name: "sluicegate.red.overflowed_series",
    unit: "{series}",
    help: "About how many label sets had no room; they are counted as the route _overflow.",
};

/// Reads everything that a registry has counted up to now.
pub(crate) fn gather(registry: &Registry) -> Exposition {
    let snapshot = registry.snapshot();
    let mut all = Exposition::default();
    add_overflows(&mut all, &snapshot);
    components::add(&mut all, &snapshot);
    for series in snapshot.series {
        add_series(&mut all, series, registry.settings());
    }
    for slo in registry.slos() {
        components::slos::add(&mut all, &slo);
    }
    all
}

/// Adds for each side how many label sets had no room.
fn add_overflows(into: &mut Exposition, snapshot: &Snapshot) {
    let sent = snapshot.overflowed_sent;
    let served = snapshot.overflowed - sent;
    for (side, count) in [("served", served), ("sent", sent)] {
        let labels = vec![("side".to_owned(), side.to_owned())];
        into.add(&OVERFLOWED, labels, SampleValue::Gauge(count));
    }
}

/// Adds the metrics of a series: requests in flight, heads, and completions.
fn add_series(into: &mut Exposition, series: Series, settings: &RegistrySettings) {
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

/// Adds a sample of a metric about requests.
fn add_metric(into: &mut Exposition, metric: &Metric<'_>, value: SampleValue) {
    let labels = metric.prometheus_labels().collect();
    into.add(metric.family, labels, value);
}
