//! What has been told of a registry, and what has not.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ahash::RandomState;

use crate::red::fleet::series_id::{Line, id, write_bounds};
use crate::red::{Durations, Labels, Snapshot, registry::series::Key};

/// What has been told of a registry.
///
/// Counts only rise, and what is told is always by how much they have risen since
/// the last time. So the sum of all that was told is what was counted, whenever
/// anybody looks.
#[derive(Default)]
pub(crate) struct Ledger {
    told: HashMap<About, Told, RandomState>,
    /// What lines know bounds by.
    bounds: HashMap<Arc<[u64]>, Text, RandomState>,
}

/// A series, and of its ends those by which key.
type About = (Labels, Option<Key>);

/// A text, and what it goes by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    id: Arc<str>,
    text: Arc<str>,
}

struct Told {
    line: Text,
    durations: Durations,
}

/// What the script is told of one histogram, or of bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Arc<str>,
    pub(crate) text: Arc<str>,
    /// `0 17 3 1 sum 52`; of bounds nothing.
    pub(crate) counts: String,
}

impl Ledger {
    /// By how much a snapshot is more than all that was told. From now on that
    /// has been told too.
    pub(crate) fn take(&mut self, snapshot: &Snapshot) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut used = BTreeSet::new();
        for (about, durations) in histograms(snapshot) {
            let bounds = self.bounds_of(durations);
            if let Some(entry) = self.tell(about, durations, &bounds) {
                entries.push(entry);
                used.insert(bounds);
            }
        }
        entries.extend(used.into_iter().map(|bounds| bounds.entry(String::new())));
        entries
    }

    fn bounds_of(&mut self, durations: &Durations) -> Text {
        if let Some(bounds) = self.bounds.get(durations.bounds()) {
            return bounds.clone();
        }
        let text = Text::new(write_bounds(durations.bounds()));
        let bounds = Arc::clone(durations.bounds());
        self.bounds.insert(bounds, text.clone());
        text
    }

    /// `None` if nothing has changed.
    fn tell(&mut self, about: About, now: &Durations, bounds: &Text) -> Option<Entry> {
        let told = self.told.entry(about);
        let told = told.or_insert_with_key(|about| Told {
            line: Text::line(about, bounds),
            durations: Durations::none(now.bounds()),
        });
        let counts = more(&told.durations, now);
        if counts.is_empty() {
            return None;
        }
        told.durations = now.clone();
        Some(told.line.entry(counts))
    }
}

fn histograms(snapshot: &Snapshot) -> impl Iterator<Item = (About, &Durations)> {
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

impl Text {
    fn new(text: String) -> Self {
        Self {
            id: id(&text).into(),
            text: text.into(),
        }
    }

    fn line((labels, key): &About, bounds: &Self) -> Self {
        let line = Line {
            labels: labels.clone(),
            bounds: bounds.id.to_string(),
            key: *key,
        };
        Self::new(line.write())
    }

    fn entry(&self, counts: String) -> Entry {
        Entry {
            id: Arc::clone(&self.id),
            text: Arc::clone(&self.text),
            counts,
        }
    }
}
