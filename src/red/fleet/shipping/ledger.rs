//! The ledger: what has been shipped of a registry, and what has not.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ahash::RandomState;

use crate::red::{
    CompletionKey, Durations, Labels, Snapshot,
    fleet::series_id::{SeriesId, id, write_bounds},
};

/// The counts of a registry that have been shipped.
///
/// Counts only rise, and each flush ships by how much they have risen. So the
/// sum of all flushes is what was counted, whenever the snapshots were taken.
#[derive(Default)]
pub(crate) struct Ledger {
    /// The state of each histogram at the last flush.
    shipped: HashMap<HistogramKey, Shipped, RandomState>,
    /// The ids of bounds.
    bounds: HashMap<Arc<[u64]>, IdText, RandomState>,
}

/// A series, and the key of its ends; `None` for its responses.
type HistogramKey = (Labels, Option<CompletionKey>);

/// A text and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdText {
    pub(crate) id: Arc<str>,
    pub(crate) text: Arc<str>,
}

/// The shipped counts of one histogram.
struct Shipped {
    /// The text that describes the histogram.
    series: IdText,
    /// The counts up to the last flush.
    durations: Durations,
}

/// One entry of a flush: the difference of a histogram, or a set of bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HistogramDelta {
    /// The histogram, or the bounds.
    pub(crate) subject: IdText,
    /// Buckets and what to add, such as `0 17 3 1 sum 52`; empty for bounds.
    pub(crate) counts: String,
}

impl Ledger {
    /// Returns by how much a snapshot exceeds what was shipped, which counts as
    /// shipped from now on.
    pub(crate) fn take(&mut self, snapshot: &Snapshot) -> Vec<HistogramDelta> {
        let mut deltas = Vec::new();
        let mut used = BTreeSet::new();
        for (key, durations) in histograms(snapshot) {
            let bounds = self.bounds_of(durations);
            if let Some(delta) = self.delta_of(key, durations, &bounds) {
                deltas.push(delta);
                // Bounds come with every flush that refers to them, because its
                // windows may be new and have none yet.
                used.insert(bounds);
            }
        }
        deltas.extend(used.into_iter().map(|subject| HistogramDelta {
            subject,
            counts: String::new(),
        }));
        deltas
    }

    /// Returns the bounds of a histogram with their id.
    fn bounds_of(&mut self, durations: &Durations) -> IdText {
        if let Some(bounds) = self.bounds.get(durations.bounds()) {
            return bounds.clone();
        }
        let text = IdText::new(write_bounds(durations.bounds()));
        let bounds = Arc::clone(durations.bounds());
        self.bounds.insert(bounds, text.clone());
        text
    }

    /// Returns the difference of one histogram; `None` if nothing has changed.
    fn delta_of(
        &mut self,
        key: HistogramKey,
        now: &Durations,
        bounds: &IdText,
    ) -> Option<HistogramDelta> {
        let shipped = self.shipped.entry(key);
        let shipped = shipped.or_insert_with_key(|key| Shipped {
            series: IdText::series(key, bounds),
            durations: Durations::none(now.bounds()),
        });
        let counts = added(&shipped.durations, now);
        if counts.is_empty() {
            return None;
        }
        shipped.durations = now.clone();
        let subject = shipped.series.clone();
        Some(HistogramDelta { subject, counts })
    }
}

/// Returns all histograms of a snapshot.
fn histograms(snapshot: &Snapshot) -> impl Iterator<Item = (HistogramKey, &Durations)> {
    snapshot.series.iter().flat_map(|series| {
        let heads = ((series.labels.clone(), None), &series.heads);
        let ends = series.completions.iter();
        let ends = ends.map(|it| ((series.labels.clone(), Some(it.key)), &it.durations));
        [heads].into_iter().chain(ends)
    })
}

/// Writes what was added to which bucket.
fn added(then: &Durations, now: &Durations) -> String {
    let ((then, then_sum), (now, now_sum)) = (then.parts(), now.parts());
    let buckets = then.iter().zip(now).enumerate();
    let mut words: Vec<_> = buckets
        .filter(|(_, (then, now))| now > then)
        .map(|(nth, (then, now))| format!("{nth} {}", now - then))
        .collect();
    if now_sum > then_sum {
        words.push(format!("sum {}", now_sum - then_sum));
    }
    words.join(" ")
}

impl IdText {
    /// Returns a text with the id that is made of it.
    fn new(text: String) -> Self {
        Self {
            id: id(&text).into(),
            text: text.into(),
        }
    }

    /// Returns the text that describes a histogram with these bounds.
    fn series((labels, key): &HistogramKey, bounds: &Self) -> Self {
        let series = SeriesId {
            labels: labels.clone(),
            bounds: bounds.id.to_string(),
            key: *key,
        };
        Self::new(series.write())
    }
}
