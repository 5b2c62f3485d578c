//! What became of the requests, by class and second.

use std::{collections::BTreeMap, ops::Range, time::Duration};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Served,
    Refused,
}

/// What became of all requests, by the second in which they came.
#[derive(Default)]
pub struct Report {
    counts: BTreeMap<(usize, u64), Counts>,
    /// The limit at the end of each second.
    pub limits: Vec<u32>,
}

#[derive(Clone, Default)]
pub struct Counts {
    pub arrived: u64,
    /// Served while the client still waited.
    pub good: u64,
    /// Served too late.
    pub late: u64,
    pub refused: u64,
    /// Of the served ones.
    pub took: Vec<Duration>,
}

impl Report {
    pub fn add(
        &mut self,
        class: usize,
        second: u64,
        outcome: Outcome,
        took: Duration,
        is_good: bool,
    ) {
        let counts = self.counts.entry((class, second)).or_default();
        counts.arrived += 1;
        match outcome {
            Outcome::Refused => counts.refused += 1,
            Outcome::Served => {
                counts.took.push(took);
                match is_good {
                    true => counts.good += 1,
                    false => counts.late += 1,
                }
            }
        }
    }

    /// Returns what became of a class in some seconds.
    pub fn of(&self, class: usize, seconds: Range<u64>) -> Counts {
        let found = self
            .counts
            .range((class, seconds.start)..(class, seconds.end));
        found.fold(Counts::default(), |sum, (_, counts)| sum.plus(counts))
    }

    /// Returns what became of all classes in some seconds.
    pub fn all(&self, seconds: Range<u64>) -> Counts {
        let found = self.counts.iter();
        let found = found.filter(|((_, second), _)| seconds.contains(second));
        found.fold(Counts::default(), |sum, (_, counts)| sum.plus(counts))
    }
}

impl Counts {
    fn plus(mut self, other: &Self) -> Self {
        self.arrived += other.arrived;
        self.good += other.good;
        self.late += other.late;
        self.refused += other.refused;
        self.took.extend(&other.took);
        self
    }

    /// Returns the share of requests that were served in time.
    pub fn good_share(&self) -> f64 {
        self.good as f64 / self.arrived.max(1) as f64
    }

    /// Returns a percentile of the durations of served requests.
    pub fn percentile(&self, percentile: f64) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        let last = took.len().saturating_sub(1);
        took.get((last as f64 * percentile) as usize)
            .copied()
            .unwrap_or_default()
    }
}
