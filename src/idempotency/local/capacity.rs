//! The bytes that all shards of a store may take together.
//!
//! A change that adds bytes takes the most that it may need. A counter is
//! enough for that, so no lock spans the shards.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

/// Bytes are taken before a shard changes, and what is left over is given back
/// after it, so that the shards never exceed the capacity together.
#[derive(Debug)]
pub(super) struct Capacity {
    /// The capacity.
    bytes: usize,
    /// The bytes of all records, and of changes under way.
    taken: AtomicUsize,
    /// How many records were evicted.
    evicted: AtomicU64,
}

impl Capacity {
    /// Creates a capacity of which nothing is taken.
    pub(super) fn of(bytes: usize) -> Self {
        Self {
            bytes,
            taken: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Returns all bytes, taken or not.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the taken bytes.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// Returns how many records were evicted.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Takes this many bytes if they are free.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let fits = |taken: usize| {
            let taken = taken.checked_add(bytes)?;
            (taken <= self.bytes).then_some(taken)
        };
        // A change that adds nothing passes even if the capacity is exceeded.
        bytes == 0 || self.taken.fetch_update(SeqCst, SeqCst, fits).is_ok()
    }

    /// Returns whether the bytes would be free if `evictable` bytes were given
    /// back.
    ///
    /// It is false for a record that is larger than the capacity, so that
    /// nothing is evicted in vain.
    pub(super) fn could_take(&self, bytes: usize, evictable: usize) -> bool {
        let taken = self.taken().saturating_sub(evictable);
        bytes <= self.bytes.saturating_sub(taken)
    }

    /// Gives back bytes that were taken.
    pub(super) fn give(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, SeqCst);
    }

    /// Gives back the bytes of an evicted record, if there was one.
    pub(super) fn evict(&self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            self.give(bytes);
            self.evicted.fetch_add(1, Relaxed);
        }
    }
}
