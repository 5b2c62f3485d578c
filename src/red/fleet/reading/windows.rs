//! Adds up the windows of a span.

use std::{collections::HashMap, mem, sync::Arc};

use ::redis::Value;
use ahash::RandomState;

use crate::red::{
    Durations,
    fleet::{
        reply::text,
        series_id::{SeriesId, read_bounds},
    },
    registry::settings::MAX_BOUNDS,
};

/// The contents of windows, added up by the ids of histograms.
#[derive(Debug, Default)]
pub(crate) struct WindowSums {
    /// The texts of series and of bounds, by their ids.
    texts: HashMap<String, String, RandomState>,
    /// The counts of histograms, by their ids.
    counts: HashMap<String, BucketCounts, RandomState>,
    /// How many fields could not be read.
    pub(crate) skipped: u64,
}

/// The counts of a histogram whose bounds are not known yet.
#[derive(Debug, Default)]
struct BucketCounts {
    /// By the number of the bucket; only as long as it has to be.
    buckets: Vec<u64>,
    /// The sum in microseconds.
    sum: u64,
}

impl WindowSums {
    /// Adds the fields of a window.
    pub(crate) fn add(&mut self, window: Vec<(Value, Value)>) {
        for (field, value) in window {
            let known = match (text(Some(field)), text(Some(value))) {
                (Some(field), Some(value)) => self.field(field, value),
                _ => None,
            };
            self.skipped += u64::from(known.is_none());
        }
    }

    /// Adds one field; `None` if this version does not understand it.
    fn field(&mut self, field: String, value: String) -> Option<()> {
        if field == "begun" {
            return Some(());
        }
        match field.split_once(':') {
            None => drop(self.texts.entry(field).or_insert(value)),
            Some((id, bucket)) => {
                let count = value.parse().ok()?;
                let counts = self.counts.entry(id.to_owned()).or_default();
                let sum = counts.count(bucket)?;
                *sum = sum.saturating_add(count);
            }
        }
        Some(())
    }

    /// Returns all histograms. Those without a readable text are skipped.
    pub(crate) fn all(&mut self) -> Vec<(SeriesId, Durations)> {
        let counts = mem::take(&mut self.counts);
        let found = counts.len() as u64;
        let all = counts.into_iter();
        let all: Vec<_> = all
            .filter_map(|(id, counts)| self.series(&id, counts))
            .collect();
        self.skipped += found - all.len() as u64;
        all
    }

    /// Returns one histogram; `None` without a readable text.
    fn series(&self, id: &str, counts: BucketCounts) -> Option<(SeriesId, Durations)> {
        let series = SeriesId::read(self.texts.get(id)?)?;
        let bounds = read_bounds(self.texts.get(&series.bounds)?)?;
        let durations = counts.durations(&Arc::from(bounds))?;
        Some((series, durations))
    }
}

impl BucketCounts {
    /// Returns the counter of a bucket, or of the sum; `None` if no histogram
    /// has such a bucket.
    fn count(&mut self, bucket: &str) -> Option<&mut u64> {
        if bucket == "sum" {
            return Some(&mut self.sum);
        }
        let nth = bucket.parse().ok().filter(|nth| *nth <= MAX_BOUNDS)?;
        if self.buckets.len() <= nth {
            self.buckets.resize(nth + 1, 0);
        }
        self.buckets.get_mut(nth)
    }

    /// Returns the durations; `None` if there are more buckets than the bounds
    /// make.
    fn durations(self, bounds: &Arc<[u64]>) -> Option<Durations> {
        let mut durations = Durations::none(bounds);
        let (counts, sum) = durations.parts_mut();
        counts
            .get_mut(..self.buckets.len())?
            .copy_from_slice(&self.buckets);
        *sum = self.sum;
        Some(durations)
    }
}
