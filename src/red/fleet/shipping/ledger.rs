//! What has been shipped of a registry, and what has not.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ahash::RandomState;

use crate::red::fleet::series_id::{SeriesId, id, write_bounds};
use crate::red::{Durations, Labels, Snapshot, completion_key::CompletionKey};

/// What has been shipped of a registry.
///
/// Counts only rise, and what is shipped is always by how much they have risen since
/// the last time. So the sum of all that was shipped is what was counted, whenever
/// anybody looks.
#[derive(Default)]
pub(crate) struct Ledger {
    shipped: HashMap<HistogramKey, Shipped, RandomState>,
    /// What all know bounds by.
    bounds: HashMap<Arc<[u64]>, IdText, RandomState>,
}

/// A series, and of its ends those by which key.
type HistogramKey = (Labels, Option<CompletionKey>);

/// A text, and what it goes by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct IdText {
    id: Arc<str>,
    text: Arc<str>,
}

struct Shipped {
    series: IdText,
    durations: Durations,
}

/// What the script is shipped of one histogram, or of bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HistogramDelta {
    pub(crate) id: Arc<str>,
    pub(crate) text: Arc<str>,
    /// `0 17 3 1 sum 52`; of bounds nothing.
    pub(crate) counts: String,
}

impl Ledger {
    /// By how much a snapshot is more than all that was shipped. From now on that
    /// has been shipped too.
    pub(crate) fn take(&mut self, snapshot: &Snapshot) -> Vec<HistogramDelta> {
        let mut deltas = Vec::new();
        let mut used = BTreeSet::new();
        for (key, durations) in histograms(snapshot) {
            let bounds = self.bounds_of(durations);
            if let Some(delta) = self.tell(key, durations, &bounds) {
                deltas.push(delta);
                used.insert(bounds);
            }
        }
        deltas.extend(used.into_iter().map(|bounds| bounds.delta(String::new())));
        deltas
    }

    fn bounds_of(&mut self, durations: &Durations) -> IdText {
        if let Some(bounds) = self.bounds.get(durations.bounds()) {
            return bounds.clone();
        }
        let text = IdText::new(write_bounds(durations.bounds()));
        let bounds = Arc::clone(durations.bounds());
        self.bounds.insert(bounds, text.clone());
        text
    }

    /// `None` if nothing has changed.
    fn tell(
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
        let counts = more(&shipped.durations, now);
        if counts.is_empty() {
            return None;
        }
        shipped.durations = now.clone();
        Some(shipped.series.delta(counts))
    }
}

fn histograms(snapshot: &Snapshot) -> impl Iterator<Item = (HistogramKey, &Durations)> {
    snapshot.series.iter().flat_map(|series| {
        let heads = ((series.labels.clone(), None), &series.heads);
        let ends = series.completions.iter();
        let ends = ends.map(|it| ((series.labels.clone(), Some(it.key)), &it.durations));
        [heads].into_iter().chain(ends)
    })
}

/// What has been added to which bucket.
fn more(then: &Durations, now: &Durations) -> String {
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
    fn new(text: String) -> Self {
        Self {
            id: id(&text).into(),
            text: text.into(),
        }
    }

    fn series((labels, key): &HistogramKey, bounds: &Self) -> Self {
        let series = SeriesId {
            labels: labels.clone(),
            bounds: bounds.id.to_string(),
            key: *key,
        };
        Self::new(series.write())
    }

    fn delta(&self, counts: String) -> HistogramDelta {
        HistogramDelta {
            id: Arc::clone(&self.id),
            text: Arc::clone(&self.text),
            counts,
        }
    }
}
