//! A histogram that threads add to.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::durations::Durations;

const CELLS: usize = 8;

/// One cache line, so that what one thread counts is never on a line that
/// another one writes to.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; CELLS]);

/// Counts by the upper bounds of its buckets, and then the sum: with fourteen
/// bounds it is two cache lines.
pub(crate) struct Histogram {
    lines: Box<[Line]>,
}

impl Histogram {
    pub(crate) fn new(bounds: usize) -> Self {
        // One more bucket has no bound, and the sum has a cell too.
        let lines = (bounds + 2).div_ceil(CELLS);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
        }
    }

    /// Counts one more, of so many microseconds. `bounds` are always the same.
    ///
    /// The count comes last and is released, so that whoever sees it sees what
    /// was done before it.
    #[inline]
    pub(crate) fn record(&self, bounds: &[u64], micros: u64) {
        let nth = bounds.iter().position(|bound| micros <= *bound);
        let cell = |nth: usize| &self.lines[nth / CELLS].0[nth % CELLS];
        cell(bounds.len() + 1).fetch_add(micros, Ordering::Relaxed);
        cell(nth.unwrap_or(bounds.len())).fetch_add(1, Ordering::Release);
    }

    /// What was counted, by the same bounds.
    pub(crate) fn read(&self, bounds: &Arc<[u64]>) -> Durations {
        let mut durations = Durations::none(bounds);
        let (counts, sum) = durations.parts_mut();
        let cells = self.lines.iter().flat_map(|line| &line.0);
        let mut read = cells.map(|cell| cell.load(Ordering::Acquire));
        counts.fill_with(|| read.next().unwrap_or_default());
        *sum = read.next().unwrap_or_default();
        durations
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let bounds: Arc<[u64]> = Arc::from([10, 20]);
        let histogram = Histogram::new(bounds.len());
        for micros in [0, 10, 11, 20, 21, 1_000] {
            histogram.record(&bounds, micros);
        }
        let read = histogram.read(&bounds);
        assert_eq!(read.parts(), (&[2, 2, 2][..], 1_062));
    }

    #[test]
    fn fourteen_bounds_are_two_lines() {
        assert_eq!(size_of_val(&*Histogram::new(14).lines), 128);
    }
}
