//! Counts over time, in a bounded number of steps.

use serde::Serialize;
use sluicegate::clock::Tick;

/// The most steps that are kept: two weeks of minutes.
const MAX_STEPS: usize = 14 * 24 * 60;

const MINUTE_US: Tick = 60_000_000;

/// Counts for each minute. Steps become twice as long, as often as necessary, so
/// that there are never more than two weeks of minutes.
///
/// ```
/// use lab::replay::Series;
///
/// let mut refused = Series::default();
/// refused.add(61_000_000);
/// refused.add(185_000_000);
/// assert_eq!((refused.start_us(), refused.counts()), (60_000_000, &[1, 0, 1][..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// How long a step is.
    step_us: Tick,
    /// The number of the first step since 1970.
    #[serde(rename = "start_step")]
    start: u64,
    counts: Vec<u64>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            step_us: MINUTE_US,
            start: 0,
            counts: Vec::new(),
        }
    }
}

impl Series {
    /// Returns how long a step is, in microseconds.
    pub fn step_us(&self) -> Tick {
        self.step_us
    }

    /// Returns when the first step begins, in microseconds since 1970.
    pub fn start_us(&self) -> Tick {
        self.start * self.step_us
    }

    /// Returns the counts of the steps.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts an instant. One before the first counts as of the first step.
    pub fn add(&mut self, at: Tick) {
        self.add_many(at, 1);
    }

    fn add_many(&mut self, at: Tick, count: u64) {
        if self.counts.is_empty() {
            self.start = at / self.step_us;
        }
        let at = at.max(self.start_us());
        while at / self.step_us - self.start >= MAX_STEPS as u64 {
            self.coarsen();
        }
        let index = (at / self.step_us - self.start) as usize;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += count;
    }

    /// Makes the steps twice as long.
    fn coarsen(&mut self) {
        if self.start % 2 == 1 {
            self.counts.insert(0, 0);
        }
        self.start /= 2;
        self.step_us *= 2;
        self.counts = self
            .counts
            .chunks(2)
            .map(|pair| pair.iter().sum())
            .collect();
    }

    /// Adds the counts of another series.
    pub(super) fn merge(&mut self, mut other: Self) {
        if self.counts.is_empty() || other.counts.is_empty() {
            if self.counts.is_empty() {
                *self = other;
            }
            return;
        }
        if other.start_us() < self.start_us() {
            std::mem::swap(self, &mut other);
        }
        while self.step_us < other.step_us {
            self.coarsen();
        }
        for (index, count) in other.counts.iter().enumerate() {
            let at = (other.start + index as u64) * other.step_us;
            self.add_many(at, *count);
        }
    }

    /// Returns the step with the largest count: when it begins, and the count.
    /// `None` if all are 0.
    pub fn peak(&self) -> Option<(Tick, u64)> {
        let counts = self.counts.iter().enumerate().rev();
        let (index, count) = counts.max_by_key(|(_, count)| **count)?;
        let start = (self.start + index as u64) * self.step_us;
        (*count > 0).then_some((start, *count))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(instants: &[Tick]) -> Series {
        let mut series = Series::default();
        for at in instants {
            series.add(*at);
        }
        series
    }

    #[test]
    fn the_peak_is_the_first_of_the_largest_counts() {
        let minutes =
            |numbers: &[Tick]| of(&numbers.iter().map(|it| it * MINUTE_US).collect::<Vec<_>>());
        assert_eq!(minutes(&[7, 8, 8, 9, 9]).peak(), Some((8 * MINUTE_US, 2)));
        assert_eq!(Series::default().peak(), None);
    }

    #[test]
    fn a_century_takes_no_more_steps_than_two_weeks() {
        let series = of(&[0, 100 * 365 * 86_400 * 1_000_000]);
        assert!(series.counts().len() <= MAX_STEPS);
        assert_eq!(series.counts().iter().sum::<u64>(), 2);
    }

    proptest! {
        /// Parts of one stream merge into what the stream as a whole counts,
        /// except that the steps of a longer part may be longer.
        #[test]
        fn parts_merge_into_the_whole(
            mut instants in prop::collection::vec((0_u64..40_000 * MINUTE_US, any::<bool>()), 0..30),
        ) {
            instants.sort();
            let all: Vec<_> = instants.iter().map(|(at, _)| *at).collect();
            let part = |side| {
                let part = instants.iter().filter(|(_, is)| *is == side);
                of(&part.map(|(at, _)| *at).collect::<Vec<_>>())
            };
            let mut merged = part(true);
            merged.merge(part(false));
            let whole = of(&all);
            prop_assert_eq!(merged.counts().iter().sum::<u64>(), all.len() as u64);
            prop_assert_eq!(merged, whole);
        }
    }
}
