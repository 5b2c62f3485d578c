//! How much all shards may take together.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

/// Bytes, and who takes them.
#[derive(Debug)]
pub(super) struct Room {
    capacity: usize,
    taken: AtomicUsize,
    evicted: AtomicU64,
}

impl Room {
    pub(super) fn of(capacity: usize) -> Self {
        Self {
            capacity,
            taken: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Takes so many bytes if they are there.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let fits = |taken: usize| {
            let taken = taken.checked_add(bytes)?;
            (taken <= self.capacity).then_some(taken)
        };
        bytes == 0 || self.taken.fetch_update(SeqCst, SeqCst, fits).is_ok()
    }

    /// Whether they would be there if so many were given back.
    pub(super) fn could_take(&self, bytes: usize, given: usize) -> bool {
        let taken = self.taken().saturating_sub(given);
        bytes <= self.capacity.saturating_sub(taken)
    }

    pub(super) fn give(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, SeqCst);
    }

    /// Gives back what a record took, if there was one.
    pub(super) fn evict(&self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            self.give(bytes);
            self.evicted.fetch_add(1, Relaxed);
        }
    }
}
