//! How much all records may take together.

use super::{counts::DurableCounts, mark::Mark};

/// Bytes, and what takes them.
#[derive(Debug)]
pub(super) struct Room {
    capacity: u64,
    counts: DurableCounts,
    /// What could be given back by forgetting all that is completed.
    completed: u64,
}

impl Room {
    pub(super) fn of(capacity: u64) -> Self {
        Self {
            capacity,
            counts: DurableCounts::default(),
            completed: 0,
        }
    }

    pub(super) fn counts(&self) -> DurableCounts {
        self.counts
    }

    /// Whether so many bytes are there.
    pub(super) fn fits(&self, need: u64) -> bool {
        self.fits_beside(need, self.counts.bytes)
    }

    /// Whether they would be there if all that is completed were forgotten.
    pub(super) fn could_fit(&self, need: u64) -> bool {
        self.fits_beside(need, self.counts.bytes.saturating_sub(self.completed))
    }

    fn fits_beside(&self, need: u64, taken: u64) -> bool {
        // What needs nothing is let in though the capacity be less than before.
        need == 0 || taken.saturating_add(need) <= self.capacity
    }

    pub(super) fn take(&mut self, mark: &Mark) {
        self.counts.records += 1;
        let taken = |bytes: u64| bytes.saturating_add(mark.size);
        self.counts.bytes = taken(self.counts.bytes);
        if mark.completed {
            self.completed = taken(self.completed);
        }
    }

    pub(super) fn give(&mut self, mark: &Mark) {
        self.counts.records = self.counts.records.saturating_sub(1);
        let given = |bytes: u64| bytes.saturating_sub(mark.size);
        self.counts.bytes = given(self.counts.bytes);
        if mark.completed {
            self.completed = given(self.completed);
        }
    }

    pub(super) fn evicted(&mut self) {
        self.counts.evicted += 1;
    }
}
