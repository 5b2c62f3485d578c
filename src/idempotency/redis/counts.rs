//! The counters of a store in Redis, and the public snapshot of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counts of a [`Redis`](super::Redis) store and its clones.
///
/// ```no_run
/// # fn example(store: &sluicegate::idempotency::Redis) {
/// let counts = store.counts();
/// if counts.evicting {
///     eprintln!("redis may drop records: {} calls were repeated", counts.repeated);
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisCounts {
    /// Calls that were repeated because their replies were lost.
    pub repeated: u64,
    /// Records of more than 16 KiB that were fetched.
    pub fetched: u64,
    /// Retries that got a record that was fetched for another one.
    pub shared: u64,
    /// How often the subscription to the ends of work began.
    pub subscribed: u64,
    /// How often a message made a waiting caller ask again.
    pub notified: u64,
    /// How often a waiting caller asked again without a message.
    pub polled: u64,
    /// Whether the server was found to evict records when it is full.
    pub evicting: bool,
}

/// The live counters behind [`RedisCounts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) repeated: AtomicU64,
    pub(super) fetched: AtomicU64,
    pub(super) shared: AtomicU64,
    pub(super) subscribed: AtomicU64,
    pub(super) notified: AtomicU64,
    pub(super) polled: AtomicU64,
    pub(super) evicting: AtomicBool,
}

impl Counters {
    /// Reads all counters.
    pub(super) fn counts(&self) -> RedisCounts {
        RedisCounts {
            repeated: self.repeated.load(Relaxed),
            fetched: self.fetched.load(Relaxed),
            shared: self.shared.load(Relaxed),
            subscribed: self.subscribed.load(Relaxed),
            notified: self.notified.load(Relaxed),
            polled: self.polled.load(Relaxed),
            evicting: self.evicting.load(Relaxed),
        }
    }
}
