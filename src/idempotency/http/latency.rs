//! How long work usually takes. Refusals tell a duplicate when to try again.
//!
//! A client that is told a whole lease would wait far too long, because most
//! work takes milliseconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The estimate before any work has ended.
const INITIAL: Duration = Duration::from_secs(1);

/// A moving average of how long work takes, in microseconds; 0 before any work
/// has ended. Clones share it.
///
/// The last work counts for an eighth. If two end at the same time, one may be
/// missed, which does not matter for an estimate.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkLatency(Arc<AtomicU64>);

impl WorkLatency {
    /// Records how long some work took.
    pub(crate) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let average = match self.0.load(Relaxed) {
            0 => took,
            average => average - average / 8 + took / 8,
        };
        self.0.store(average.max(1), Relaxed);
    }

    /// Returns when a duplicate should try again: after the usual time, but no
    /// later than the end of the lease.
    pub(crate) fn retry_after(&self, lease_left: Duration) -> Duration {
        let usual = match self.0.load(Relaxed) {
            0 => INITIAL,
            micros => Duration::from_micros(micros),
        };
        usual.min(lease_left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_duplicate_tries_again_after_the_usual_time() {
        let latency = WorkLatency::default();
        assert_eq!(latency.retry_after(MINUTE), INITIAL);
        latency.record(Duration::from_millis(8));
        assert_eq!(
            latency.clone().retry_after(MINUTE),
            Duration::from_millis(8)
        );
        latency.record(Duration::from_millis(16));
        assert_eq!(latency.retry_after(MINUTE), Duration::from_millis(9));
        assert_eq!(
            latency.retry_after(Duration::from_millis(3)),
            Duration::from_millis(3),
            "the lease has lapsed by then"
        );
        (0..100).for_each(|_| latency.record(Duration::MAX));
        assert_eq!(latency.retry_after(MINUTE), MINUTE);
    }
}
