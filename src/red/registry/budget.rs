//! The room for series: each side of a registry has a budget, and so have the
//! names of limiters.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::red::{Kind, Side};

/// A budget of series, and an estimate of how many it has refused.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    /// How many more there may be.
    left: AtomicUsize,
    /// The label sets that found no room.
    refused: DistinctCounter,
}

impl Budget {
    /// Returns a budget for this many series.
    pub(crate) fn of(series: usize) -> Self {
        Self {
            total: series,
            left: AtomicUsize::new(series),
            refused: DistinctCounter::default(),
        }
    }

    /// Returns how many there may be.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Takes room for one more, and returns whether there was any.
    pub(crate) fn take(&self) -> bool {
        // Not a `fetch_sub`, which would wrap below 0 and make room again.
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Relaxed, Relaxed, one_less).is_ok()
    }

    /// Returns whether all room is taken.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.load(Relaxed) == 0
    }

    /// Counts a label set with this hash as refused.
    pub(crate) fn refuse(&self, hash: u64) {
        self.refused.note(hash);
    }

    /// Estimates how many different label sets were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.estimate()
    }
}

/// One `T` for each [`Side`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerSide<T>([T; Side::ALL.len()]);

impl<T> PerSide<T> {
    /// Makes a value for each side.
    pub(crate) fn new(make: impl FnMut(Side) -> T) -> Self {
        Self(Side::ALL.map(make))
    }

    /// Returns the value of the side that counts this kind.
    #[inline]
    pub(crate) fn of(&self, kind: Kind) -> &T {
        self.get(kind.side())
    }

    #[inline]
    pub(crate) fn get(&self, side: Side) -> &T {
        &self.0[side as usize]
    }

    pub(crate) fn set(&mut self, side: Side, value: T) {
        self.0[side as usize] = value;
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

/// The size of the estimator.
const BITS: usize = 8 * 1_024;

/// Estimates how many different hashes it was given, from the share of bits
/// that are set ("linear counting", Whang et al. 1990).
///
/// The estimate is within a few percent up to about 30,000 hashes, takes 1 KiB,
/// and does not grow beyond some 74,000.
#[derive(Debug)]
struct DistinctCounter {
    words: Box<[AtomicU64]>,
}

impl Default for DistinctCounter {
    fn default() -> Self {
        let words = (0..BITS / 64).map(|_| AtomicU64::new(0)).collect();
        Self { words }
    }
}

impl DistinctCounter {
    /// Takes a hash into account.
    fn note(&self, hash: u64) {
        let bit = hash as usize % BITS;
        let (word, bit) = (&self.words[bit / 64], 1 << (bit % 64));
        // Reading first keeps the cache line shared for hashes that come again.
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    /// Returns the estimate.
    fn estimate(&self) -> u64 {
        let ones = |word: &AtomicU64| word.load(Relaxed).count_ones() as usize;
        let set: usize = self.words.iter().map(ones).sum();
        // With all bits set the estimate would be infinite.
        let unset = (BITS - set).max(1);
        (BITS as f64 * (BITS as f64 / unset as f64).ln()).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_different_hashes_within_a_few_percent() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        for different in [0_u64, 1, 100, 10_000, 20_000] {
            let distinct = DistinctCounter::default();
            for n in 0..different {
                distinct.note(hasher.hash_one(n));
                distinct.note(hasher.hash_one(n));
            }
            let off = distinct.estimate().abs_diff(different);
            assert!(off * 20 <= different, "{different}: off by {off}");
        }
    }

    #[test]
    fn a_budget_has_room_for_its_total() {
        let budget = Budget::of(2);
        assert_eq!([(); 3].map(|()| budget.take()), [true, true, false]);
        assert!(budget.is_spent());
    }
}
