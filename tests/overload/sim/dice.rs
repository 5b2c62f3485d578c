//! Random numbers that a seed repeats.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014).
#[derive(Debug)]
pub struct Dice(Cell<u64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Returns a number from 0 to below 1.
    pub fn fraction(&self) -> f64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut z = self.0.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / 2_f64.powi(64)
    }

    /// Returns the time to the next of events that come at this rate, each
    /// independent of the others.
    pub fn gap(&self, per_second: f64) -> f64 {
        -(1.0 - self.fraction()).ln() / per_second
    }
}
