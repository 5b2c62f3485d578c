//! How flushes went.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// How the flushes of a [`Redis`](crate::red::Redis) went up to one time.
///
/// ```no_run
/// # fn check(fleet: &sluicegate::red::Redis) {
/// use std::time::Duration;
///
/// let stats = fleet.stats();
/// if stats.lag > Duration::from_secs(60) {
///     eprintln!("{} requests are not shipped after {:?}", stats.unshipped, stats.lag);
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Flushes that Redis has acknowledged.
    pub flushes: u64,
    /// Calls without a good reply. Their contents are sent again.
    pub failures: u64,
    /// Calls that sent a flush again.
    pub retries: u64,
    /// Those of them that were not needed: the script had counted the flush
    /// before, and did not count it twice.
    pub duplicates: u64,
    /// How many ended requests Redis has not acknowledged yet.
    pub unshipped: u64,
    /// Everything that ended longer ago than this is shipped. A little more
    /// than the interval while all is well.
    pub lag: Duration,
}

/// The counters of a shipper.
#[derive(Debug)]
pub(crate) struct Counters {
    flushes: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
    duplicates: AtomicU64,
    /// How many requests had ended when the last acknowledged flush was taken,
    /// and when that was.
    shipped: Mutex<(u64, Instant)>,
}

impl Counters {
    /// Returns counters at 0. Everything before counts as shipped.
    pub(crate) fn new() -> Self {
        Self {
            flushes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            shipped: Mutex::new((0, Instant::now())),
        }
    }

    /// Counts a flush that was acknowledged.
    pub(crate) fn shipped(&self, ended: u64, taken: Instant, is_duplicate: bool) {
        self.flushes.fetch_add(1, Relaxed);
        self.duplicates.fetch_add(u64::from(is_duplicate), Relaxed);
        *lock(&self.shipped) = (ended, taken);
    }

    /// Counts a call without a good reply.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Counts a call that sends a flush again.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// Returns the stats, if so many requests have ended up to now.
    pub(crate) fn stats(&self, ended: u64) -> Stats {
        let (shipped, taken) = *lock(&self.shipped);
        Stats {
            flushes: self.flushes.load(Relaxed),
            failures: self.failures.load(Relaxed),
            retries: self.retries.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            unshipped: ended.saturating_sub(shipped),
            lag: taken.elapsed(),
        }
    }
}
