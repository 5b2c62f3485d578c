//! What a store in Redis did.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What the clones of a [`Redis`](super::store::Redis) store had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisCounts {
    /// Calls that were made once more, for their answers were lost.
    pub repeated: u64,
    /// Records of more than 16 KiB that were fetched.
    pub fetched: u64,
    /// Retries that were given a record that was fetched for another.
    pub shared: u64,
    /// How often the subscription to the ends of work began.
    pub subscribed: u64,
    /// How often somebody who waited was told to look again.
    pub rung: u64,
    /// How often somebody who waited looked again without having been told.
    pub polled: u64,
    /// Whether the server was found to drop records when it runs full.
    pub evicting: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) repeated: AtomicU64,
    pub(super) fetched: AtomicU64,
    pub(super) shared: AtomicU64,
    pub(super) subscribed: AtomicU64,
    pub(super) rung: AtomicU64,
    pub(super) polled: AtomicU64,
    pub(super) evicting: AtomicBool,
}

impl Counters {
    pub(super) fn counts(&self) -> RedisCounts {
        RedisCounts {
            repeated: self.repeated.load(Relaxed),
            fetched: self.fetched.load(Relaxed),
            shared: self.shared.load(Relaxed),
            subscribed: self.subscribed.load(Relaxed),
            rung: self.rung.load(Relaxed),
            polled: self.polled.load(Relaxed),
            evicting: self.evicting.load(Relaxed),
        }
    }
}
