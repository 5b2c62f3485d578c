//! How long a permit is held, from which the queue estimates when the turn of a
//! request comes.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The number of durations of which the median is taken.
const RECENT: usize = 32;

/// The weight of a new duration in the mean: one sixteenth.
const MEAN_SHIFT: u32 = 4;

/// The mean and the median of the times for which permits are held, in
/// nanoseconds. Two threads that record at once may lose one of the two.
#[derive(Debug, Default)]
pub(super) struct ServiceTime {
    mean: AtomicU64,
    recorded: AtomicU64,
    /// The last ones, in no order.
    recent: [AtomicU64; RECENT],
}

impl ServiceTime {
    /// Adds a duration.
    pub(super) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let nth = self.recorded.fetch_add(1, Relaxed);
        let mean = self.mean.load(Relaxed);
        let mean = match nth {
            0 => nanos,
            _ => mean - (mean >> MEAN_SHIFT) + (nanos >> MEAN_SHIFT),
        };
        self.mean.store(mean, Relaxed);
        self.recent[nth as usize % RECENT].store(nanos, Relaxed);
    }

    /// Returns when the work of a request at this position of the queue is
    /// expected to be done. Of `limit` requests in service, one ends every
    /// `mean / limit`, so the turn comes after `mean * position / limit`, and
    /// the work takes the median. The first position is 1. Zero as long as
    /// nothing was recorded.
    pub(super) fn until_done(&self, position: usize, limit: u32) -> Duration {
        let mean = u128::from(self.mean.load(Relaxed));
        let wait = mean * position as u128 / u128::from(limit.max(1));
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        Duration::from_nanos(wait.saturating_add(self.median()))
    }

    /// Returns the median of the last durations, the lower of two.
    fn median(&self) -> u64 {
        let count = (self.recorded.load(Relaxed) as usize).min(RECENT);
        let mut recent: [u64; RECENT] = array::from_fn(|nth| self.recent[nth].load(Relaxed));
        let recent = &mut recent[..count];
        match count {
            0 => 0,
            _ => *recent.select_nth_unstable((count - 1) / 2).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_expected_before_a_permit_has_ended() {
        assert_eq!(ServiceTime::default().until_done(9, 1), Duration::ZERO);
    }

    #[test]
    fn a_turn_comes_after_the_mean_times_the_position_over_the_limit() {
        let times = ServiceTime::default();
        (0..100).for_each(|_| times.record(64 * MILLI));
        assert_eq!(times.until_done(1, 1), 128 * MILLI);
        assert_eq!(times.until_done(8, 4), (128 + 64) * MILLI);
        assert_eq!(times.until_done(2, 0), (128 + 64) * MILLI);
    }

    #[test]
    fn the_work_takes_the_median_and_not_the_mean() {
        let times = ServiceTime::default();
        (0..31).for_each(|nth| times.record(if nth % 3 == 0 { 900 * MILLI } else { MILLI }));
        let wait = times.until_done(1, 1_000_000);
        assert!((MILLI..2 * MILLI).contains(&wait), "{wait:?}");
    }

    #[test]
    fn the_mean_forgets_what_is_long_ago() {
        let times = ServiceTime::default();
        times.record(Duration::from_secs(100));
        (0..400).for_each(|_| times.record(10 * MILLI));
        let wait = times.until_done(100, 100);
        assert!((19 * MILLI..21 * MILLI).contains(&wait), "{wait:?}");
    }
}
