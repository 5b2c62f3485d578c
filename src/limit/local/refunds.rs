//! How much was given back to buckets.
//!
//! How much of a charge is still there when it is undone depends on what came
//! back to its bucket meanwhile: time alone, which the rule knows, and what was
//! given back, which no state tells. It is counted here, by the hash of the key,
//! so that buckets that share a counter only get back less.
//!
//! Twin of the sums in `lua/hold.lua`.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire},
};

/// A power of two.
const COUNTERS: u64 = 64;

/// Sums of what was given back. They wrap around.
#[derive(Default)]
pub(super) struct Refunds(Box<[Counter]>);

#[derive(Default)]
struct Counter {
    /// Includes what is just being given back.
    begun: AtomicU64,
    done: AtomicU64,
}

impl Refunds {
    pub(super) fn new() -> Self {
        Self((0..COUNTERS).map(|_| Counter::default()).collect())
    }

    fn counter(&self, key: u64) -> &Counter {
        &self.0[(key % COUNTERS) as usize]
    }

    /// Returns the sum before a charge. Later refunds count as given back after
    /// it.
    pub(super) fn before(&self, key: u64) -> u64 {
        self.counter(key).done.load(Acquire)
    }

    /// Returns how much was given back, and at most is just being given back, since
    /// the sum was `before`.
    pub(super) fn since(&self, key: u64, before: u64) -> u64 {
        self.counter(key).begun.load(Acquire).wrapping_sub(before)
    }

    /// Counts what `give_back` gives back: it returns how much, and that is no more
    /// than `most`.
    pub(super) fn count(&self, key: u64, most: u64, give_back: impl FnOnce() -> u64) {
        let counter = self.counter(key);
        counter.begun.fetch_add(most, AcqRel);
        let given_back = give_back().min(most);
        counter.begun.fetch_sub(most - given_back, AcqRel);
        counter.done.fetch_add(given_back, AcqRel);
    }
}
