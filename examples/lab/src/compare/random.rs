//! Random numbers that are the same on every machine: a generator with a stable
//! algorithm, and whole numbers all the way.

use rand_pcg::{Pcg64, rand_core::Rng};
use sluicegate::clock::Tick;

/// A stream of random numbers. Streams of one seed are independent.
pub(super) struct Random(Pcg64);

impl Random {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64::new(seed.into(), stream.into()))
    }

    /// Returns a number below `bound`, all equally likely.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        scale(bound, self.0.next_u64())
    }

    /// Returns an exponentially distributed time, as between the events of a
    /// Poisson process.
    ///
    /// By comparisons alone (von Neumann, 1951), because a logarithm differs from
    /// one machine to another.
    pub(super) fn exponential(&mut self, mean: Tick) -> Tick {
        let mut whole = 0;
        loop {
            let first = self.0.next_u64();
            if self.descent(first) % 2 == 1 {
                return whole * mean + scale(mean, first);
            }
            whole += 1;
        }
    }

    /// Returns how many numbers come in descending order, with the first.
    fn descent(&mut self, first: u64) -> u32 {
        let (mut last, mut length) = (first, 1);
        loop {
            let next = self.0.next_u64();
            if next > last {
                return length;
            }
            (last, length) = (next, length + 1);
        }
    }
}

/// Returns `fraction` / 2^64 of `whole`.
fn scale(whole: u64, fraction: u64) -> u64 {
    ((u128::from(whole) * u128::from(fraction)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_seeds_differ_and_repeat() {
        let draw = |seed, stream| Random::new(seed, stream).below(u64::MAX);
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
    }

    /// Mean and variance of the exponential distribution are 1 and 1, and e^-2 of
    /// it is above 2; the seed is fixed.
    #[test]
    fn exponential_times_have_their_mean_variance_and_tail() {
        let (mut random, mean, count) = (Random::new(1, 1), 1_000.0, 100_000);
        let times: Vec<f64> = (0..count)
            .map(|_| random.exponential(1_000) as f64 / mean)
            .collect();
        let average = times.iter().sum::<f64>() / count as f64;
        let variance = times.iter().map(|t| (t - average).powi(2)).sum::<f64>() / count as f64;
        let tail = times.iter().filter(|t| **t > 2.0).count() as f64 / count as f64;
        assert!((average - 1.0).abs() < 0.01, "{average}");
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        assert!((tail - (-2_f64).exp()).abs() < 0.004, "{tail}");
    }
}
