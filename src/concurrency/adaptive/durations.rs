//! A histogram of durations, of which a percentile is taken. A window has one if
//! a percentile was set.

use std::{
    array,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// The bits of a duration that tell it from others with the same highest bit, so
/// that a bucket is at most an eighth wide.
const PRECISION: u32 = 3;
const BUCKETS: usize = (u64::BITS as usize) << PRECISION;

/// Counts of durations, in nanoseconds, by their highest four bits.
#[derive(Debug)]
pub(super) struct Histogram(Box<[AtomicU32; BUCKETS]>);

impl Histogram {
    pub(super) fn new() -> Self {
        Self(Box::new([const { AtomicU32::new(0) }; BUCKETS]))
    }

    #[inline]
    pub(super) fn record(&self, nanos: u64) {
        self.0[bucket(nanos)].fetch_add(1, Relaxed);
    }

    /// Takes all counts, and returns the upper end of the bucket of this
    /// percentile.
    pub(super) fn take(&self, percentile: f64) -> Option<Duration> {
        let counts: [u64; BUCKETS] = array::from_fn(|nth| self.0[nth].swap(0, Relaxed).into());
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * percentile).ceil() as u64).max(1);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(|index| Duration::from_nanos(upper(index)))
    }
}

/// Returns the bucket of a duration.
#[inline]
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(1 << PRECISION);
    let shift = nanos.ilog2() - PRECISION;
    ((shift as usize) << PRECISION) + (nanos >> shift) as usize - (1 << PRECISION)
}

/// Returns the longest duration of a bucket.
fn upper(bucket: usize) -> u64 {
    let shift = bucket >> PRECISION;
    let first = (bucket & ((1 << PRECISION) - 1)) + (1 << PRECISION);
    (((first as u128 + 1) << shift) - 1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_an_eighth_wide() {
        for nanos in (0..64)
            .map(|bit| 1_u64 << bit)
            .chain([9, 1_000_000, u64::MAX])
        {
            let upper = upper(bucket(nanos));
            assert!(
                upper >= nanos && upper - nanos <= (nanos / 8).max(8),
                "{nanos} {upper}"
            );
        }
    }

    #[test]
    fn a_percentile_is_that_of_the_window() {
        let histogram = Histogram::new();
        (1..=100).for_each(|nth| histogram.record(nth * 1_000_000));
        let median = histogram.take(0.5).unwrap();
        assert!((50..57).contains(&median.as_millis()), "{median:?}");
        assert_eq!(histogram.take(0.5), None);
    }
}
