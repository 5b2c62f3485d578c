//! How long work takes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long work takes as a rule, so that a duplicate is told when to come again.
/// Clones know the same.
///
/// A moving average, in which the last one counts for an eighth. Two that end at
/// once may count as one, which does no harm.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typical(Arc<AtomicU64>);

/// Before anything is known.
const GUESS: Duration = Duration::from_secs(1);

impl Typical {
    pub(crate) fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let average = match self.0.load(Relaxed) {
            0 => took,
            average => average - average / 8 + took / 8,
        };
        self.0.store(average.max(1), Relaxed);
    }

    /// When to come again, if the lease lasts so long.
    pub(crate) fn retry(&self, left: Duration) -> Duration {
        let typical = match self.0.load(Relaxed) {
            0 => GUESS,
            micros => Duration::from_micros(micros),
        };
        typical.min(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_duplicate_comes_again_when_work_has_ended_as_a_rule() {
        let typical = Typical::default();
        assert_eq!(typical.retry(MINUTE), GUESS);
        typical.learn(Duration::from_millis(8));
        assert_eq!(typical.clone().retry(MINUTE), Duration::from_millis(8));
        typical.learn(Duration::from_millis(16));
        assert_eq!(typical.retry(MINUTE), Duration::from_millis(9));
        assert_eq!(
            typical.retry(Duration::from_millis(3)),
            Duration::from_millis(3),
            "the lease has lapsed by then"
        );
        (0..100).for_each(|_| typical.learn(Duration::MAX));
        assert_eq!(typical.retry(MINUTE), MINUTE);
    }
}
