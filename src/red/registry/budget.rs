//! How many series there may be.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How many series there may be, and how many there would be beyond that.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    left: AtomicUsize,
    refused: Distinct,
}

impl Budget {
    pub(crate) fn of(series: usize) -> Self {
        Self {
            total: series,
            left: AtomicUsize::new(series),
            refused: Distinct::default(),
        }
    }

    /// How many there may be.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Takes room for one more, if there is.
    pub(crate) fn take(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Relaxed, Relaxed, one_less).is_ok()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left.load(Relaxed) == 0
    }

    /// One of this hash had no room.
    pub(crate) fn refuse(&self, hash: u64) {
        self.refused.note(hash);
    }

    /// About how many different ones had no room.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.estimate()
    }
}

const BITS: usize = 8 * 1_024;

/// Counts how many different hashes there were, by the share of bits that are
/// set ("linear counting", Whang et al. 1990): within a few percent up to some
/// 30,000, and more than that is told as that many.
#[derive(Debug)]
struct Distinct {
    words: Box<[AtomicU64]>,
}

impl Default for Distinct {
    fn default() -> Self {
        let words = (0..BITS / 64).map(|_| AtomicU64::new(0)).collect();
        Self { words }
    }
}

impl Distinct {
    /// Of what has been seen already, nothing is written.
    fn note(&self, hash: u64) {
        let bit = hash as usize % BITS;
        let (word, bit) = (&self.words[bit / 64], 1 << (bit % 64));
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    fn estimate(&self) -> u64 {
        let ones = |word: &AtomicU64| word.load(Relaxed).count_ones() as usize;
        let set: usize = self.words.iter().map(ones).sum();
        // With all set there is no telling; one that is not is the least there is.
        let unset = (BITS - set).max(1);
        (BITS as f64 * (BITS as f64 / unset as f64).ln()).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_different_ones_within_a_few_percent() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        for different in [0_u64, 1, 100, 10_000, 20_000] {
            let distinct = Distinct::default();
            for n in 0..different {
                distinct.note(hasher.hash_one(n));
                distinct.note(hasher.hash_one(n));
            }
            let off = distinct.estimate().abs_diff(different);
            assert!(off * 20 <= different, "{different}: off by {off}");
        }
    }

    #[test]
    fn there_is_room_for_as_many_as_there_may_be() {
        let budget = Budget::of(2);
        assert_eq!([(); 3].map(|()| budget.take()), [true, true, false]);
        assert!(budget.is_spent());
    }
}
