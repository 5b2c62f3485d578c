//! What windows hold, added up.

use std::{collections::HashMap, mem, sync::Arc};

use ::redis::Value;
use ahash::RandomState;

use crate::red::Durations;
use crate::red::fleet::{
    reply::text,
    series_id::{Line, MOST_BOUNDS, read_bounds},
};

/// What windows hold, added up by the ids of histograms.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    texts: HashMap<String, String, RandomState>,
    cells: HashMap<String, Cells, RandomState>,
    /// What could not be read.
    pub(crate) skipped: u64,
}

/// The counts of a histogram of which it is not known yet what bounds it has.
#[derive(Debug, Default)]
struct Cells {
    buckets: Vec<u64>,
    sum: u64,
}

impl Gathered {
    pub(crate) fn add(&mut self, window: Vec<(Value, Value)>) {
        for (field, value) in window {
            let known = match (text(Some(field)), text(Some(value))) {
                (Some(field), Some(value)) => self.field(field, value),
                _ => None,
            };
            self.skipped += u64::from(known.is_none());
        }
    }

    /// `None` if nobody knows what it is.
    fn field(&mut self, field: String, value: String) -> Option<()> {
        if field == "begun" {
            return Some(());
        }
        match field.split_once(':') {
            None => drop(self.texts.entry(field).or_insert(value)),
            Some((id, bucket)) => {
                let count = value.parse().ok()?;
                let cells = self.cells.entry(id.to_owned()).or_default();
                let cell = cells.cell(bucket)?;
                *cell = cell.saturating_add(count);
            }
        }
        Some(())
    }

    /// All histograms. Those of which nobody knows what they are about are skipped.
    pub(crate) fn lines(&mut self) -> Vec<(Line, Durations)> {
        let cells = mem::take(&mut self.cells);
        let found = cells.len() as u64;
        let lines = cells.into_iter();
        let lines: Vec<_> = lines
            .filter_map(|(id, cells)| self.line(&id, cells))
            .collect();
        self.skipped += found - lines.len() as u64;
        lines
    }

    fn line(&self, id: &str, cells: Cells) -> Option<(Line, Durations)> {
        let line = Line::read(self.texts.get(id)?)?;
        let bounds = read_bounds(self.texts.get(&line.bounds)?)?;
        let durations = cells.durations(&Arc::from(bounds))?;
        Some((line, durations))
    }
}

impl Cells {
    /// `None` if there is no such bucket.
    fn cell(&mut self, bucket: &str) -> Option<&mut u64> {
        if bucket == "sum" {
            return Some(&mut self.sum);
        }
        let nth = bucket.parse().ok().filter(|nth| *nth <= MOST_BOUNDS)?;
        if self.buckets.len() <= nth {
            self.buckets.resize(nth + 1, 0);
        }
        self.buckets.get_mut(nth)
    }

    /// `None` if it has more buckets than these bounds make.
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
