//! What became of flushes.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// What became of the flushes of a [`Redis`](crate::red::fleet::redis::Redis), at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Flushes that Redis has acknowledged.
    pub flushes: u64,
    /// Calls that had no good answer. What they brought is brought again.
    pub failures: u64,
    /// Calls that brought something again.
    pub retries: u64,
    /// Among them, those that were not needed: the script knew the flush already,
    /// and counted nothing twice.
    pub duplicates: u64,
    /// How many requests have ended of which Redis has not said that it knows.
    pub unshipped: u64,
    /// All that had ended so long ago has been shipped. A bit more than the
    /// interval while all is well.
    pub lag: Duration,
}

#[derive(Debug)]
pub(crate) struct Counters {
    flushes: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
    duplicates: AtomicU64,
    /// How many requests had ended when it was looked for the last flush that was
    /// acknowledged, and when that was.
    shipped: Mutex<(u64, Instant)>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            flushes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            shipped: Mutex::new((0, Instant::now())),
        }
    }

    pub(crate) fn shipped(&self, ended: u64, taken: Instant, is_duplicate: bool) {
        self.flushes.fetch_add(1, Relaxed);
        self.duplicates.fetch_add(u64::from(is_duplicate), Relaxed);
        *lock(&self.shipped) = (ended, taken);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// With so many requests that have ended until now.
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
