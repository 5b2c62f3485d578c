//! The requests of the present slot, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bits of the count. The number of the slot is above them.
const COUNT_BITS: u32 = 24;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// The number of the present slot, and how many requests were counted in it.
#[derive(Debug, Default)]
pub(super) struct OpenSlot(AtomicU64);

impl OpenSlot {
    /// Counts a request. Returns false if the slot is over, or full: then the
    /// caller [opens](Self::open) another one.
    #[inline]
    pub(super) fn count(&self, number: u64) -> bool {
        let add = |word: u64| {
            let has_room = word >> COUNT_BITS >= number && word & COUNT < COUNT;
            has_room.then_some(word + 1)
        };
        self.0.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    /// Opens this slot with no requests, unless a newer one is open. Returns
    /// the open slot before and its requests. Called under the lock of the
    /// window.
    pub(super) fn open(&self, number: u64) -> (u64, u64) {
        let reset = |word: u64| Some((word >> COUNT_BITS).max(number) << COUNT_BITS);
        let word = self.0.fetch_update(Relaxed, Relaxed, reset);
        let word = word.unwrap_or_else(|word| word);
        (word >> COUNT_BITS, word & COUNT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_returned_once() {
        let slot = OpenSlot::default();
        assert!(!slot.count(7));
        assert_eq!(slot.open(7), (0, 0));
        assert!(slot.count(7) && slot.count(6), "a late thread counts here");
        assert!(!slot.count(8));
        assert_eq!(slot.open(8), (7, 2));
        assert_eq!(slot.open(7), (8, 0));
    }
}
