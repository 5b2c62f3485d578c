//! Puts histograms together into a snapshot.

use std::{collections::BTreeMap, sync::Arc};

use crate::red::{
    Completion, CompletionKey, Durations, Labels, Series, Snapshot, fleet::series_id::SeriesId,
};

/// Histograms by labels. Those with different bounds cannot be added, and stay
/// beside each other.
#[derive(Default)]
pub(crate) struct Totals {
    /// The series in the order of their labels, as a snapshot has them.
    by_labels: BTreeMap<Labels, SeriesTotal>,
}

/// The histograms with the same labels.
#[derive(Default)]
struct SeriesTotal {
    /// One for each set of bounds.
    heads: Vec<Durations>,
    completions: Vec<Completion>,
    /// Requests in flight on all instances.
    in_flight: u64,
}

impl Totals {
    /// Adds a histogram.
    pub(crate) fn add(&mut self, series: SeriesId, durations: Durations) {
        let total = self.by_labels.entry(series.labels).or_default();
        match series.key {
            None => total.heads(durations),
            Some(key) => total.completions(key, durations),
        }
    }

    /// Adds requests in flight.
    pub(crate) fn in_flight(&mut self, labels: Labels, count: u64) {
        let total = self.by_labels.entry(labels).or_default();
        total.in_flight = total.in_flight.saturating_add(count);
    }

    /// Returns the snapshot. Series without a response get the bounds of other
    /// series, or else `bounds`.
    pub(crate) fn snapshot(self, bounds: &Arc<[u64]>, overflowed: u64) -> Snapshot {
        let mut heads = self.by_labels.values().flat_map(|total| &total.heads);
        let bounds = Arc::clone(heads.next().map_or(bounds, Durations::bounds));
        let series = self.by_labels.into_iter();
        let series = series.flat_map(|(labels, total)| total.series(&labels, &bounds));
        Snapshot {
            series: series.collect(),
            overflowed,
            ..Snapshot::default()
        }
    }
}

impl SeriesTotal {
    /// Adds a histogram of responses.
    fn heads(&mut self, more: Durations) {
        if !self.heads.iter_mut().any(|heads| heads.add(&more)) {
            self.heads.push(more);
        }
    }

    /// Adds a histogram of ends.
    fn completions(&mut self, key: CompletionKey, durations: Durations) {
        let mut same = self.completions.iter_mut().filter(|it| it.key == key);
        if !same.any(|it| it.durations.add(&durations)) {
            self.completions.push(Completion {
                key,
                durations,
                exemplars: Vec::new(),
            });
        }
    }

    /// Returns one series, and one more for each further set of bounds among
    /// its responses.
    fn series(mut self, labels: &Labels, bounds: &Arc<[u64]>) -> Vec<Series> {
        self.completions.sort_by_key(|completion| completion.key);
        let mut heads = self.heads.into_iter();
        let mut first = Series {
            labels: labels.clone(),
            started: 0,
            heads: heads.next().unwrap_or_else(|| Durations::none(bounds)),
            completions: self.completions,
        };
        first.started = first.ended().saturating_add(self.in_flight);
        let others = heads.map(|heads| Series {
            labels: labels.clone(),
            started: 0,
            heads,
            completions: Vec::new(),
        });
        [first].into_iter().chain(others).collect()
    }
}
