//! The bytes that all records may take together. The records take and give them
//! on their one thread.

use super::expiry::ExpiryEntry;
use crate::idempotency::store::StoreCounts;

/// The capacity, and what is taken of it.
#[derive(Debug)]
pub(super) struct Capacity {
    /// The capacity.
    bytes: u64,
    /// The counts of the records, which include the taken bytes.
    counts: StoreCounts,
    /// The bytes of completed records, which eviction could free.
    evictable: u64,
}

impl Capacity {
    /// Creates a capacity of which nothing is taken.
    pub(super) fn of(bytes: u64) -> Self {
        Self {
            bytes,
            counts: StoreCounts::default(),
            evictable: 0,
        }
    }

    /// Returns the counts of the records.
    pub(super) fn counts(&self) -> StoreCounts {
        self.counts
    }

    /// Returns whether this many bytes are free.
    pub(super) fn fits(&self, need: u64) -> bool {
        self.fits_beside(need, self.counts.bytes)
    }

    /// Returns whether they would be free without any completed record.
    ///
    /// It is false for a record that is larger than the capacity, so that
    /// nothing is evicted in vain.
    pub(super) fn could_fit(&self, need: u64) -> bool {
        self.fits_beside(need, self.counts.bytes.saturating_sub(self.evictable))
    }

    /// Returns whether this many bytes fit beside those that are taken.
    fn fits_beside(&self, need: u64, taken: u64) -> bool {
        // A change without need passes even if the capacity was set lower
        // since.
        need == 0 || taken.saturating_add(need) <= self.bytes
    }

    /// Counts a state that was added.
    pub(super) fn take(&mut self, entry: &ExpiryEntry) {
        self.counts.records += 1;
        self.counts.bytes = self.counts.bytes.saturating_add(entry.bytes);
        if entry.completed {
            self.evictable = self.evictable.saturating_add(entry.bytes);
        }
    }

    /// Counts a state that was removed.
    pub(super) fn give(&mut self, entry: &ExpiryEntry) {
        self.counts.records = self.counts.records.saturating_sub(1);
        self.counts.bytes = self.counts.bytes.saturating_sub(entry.bytes);
        if entry.completed {
            self.evictable = self.evictable.saturating_sub(entry.bytes);
        }
    }

    /// Counts a record that was evicted.
    pub(super) fn count_eviction(&mut self) {
        self.counts.evicted += 1;
    }
}
