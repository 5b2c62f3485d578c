//! The time between attempts.

use std::time::Duration;

use crate::random_bits::RandomBits;

/// How long a call waits before it is repeated: a random time up to a bound,
/// which doubles with each retry ("full jitter").
///
/// It is chosen in whole nanoseconds from 0 to `min(cap, base * 2^n)`, both
/// included, where `n` counts from 0. So clients whose calls failed together do
/// not return together.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) cap: Duration,
    pub(super) random: RandomBits,
}

impl Backoff {
    /// Returns the time before the retry number `nth`, from 0.
    pub(super) fn delay(&self, nth: u32) -> Duration {
        up_to(self.bound(nth), self.random.bits())
    }

    /// Returns `min(cap, base * 2^nth)`.
    fn bound(&self, nth: u32) -> Duration {
        let factor = 1_u32.checked_shl(nth).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// Returns a time from 0 to `most`, in proportion to the bits.
fn up_to(most: Duration, bits: u64) -> Duration {
    // The layer allows at most an hour, which has 42 bits of nanoseconds.
    let nanos = (u128::from(bits) * (most.as_nanos() + 1)) >> u64::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(50),
            cap: Duration::from_secs(1),
            random: RandomBits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap_and_never_overflows() {
        let backoff = Backoff::default();
        let bounds = [0, 1, 4, 5, 31, 32, u32::MAX].map(|nth| backoff.bound(nth).as_millis());
        assert_eq!(bounds, [50, 100, 800, 1_000, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn a_delay_is_any_part_of_its_bound() {
        let delay = |bits| {
            let random = RandomBits::of(move || bits);
            let backoff = Backoff {
                random,
                ..Backoff::default()
            };
            backoff.delay(2)
        };
        let quarters = [0, 1 << 62, 1 << 63, 3 << 62, u64::MAX];
        let millis = quarters.map(|bits| delay(bits).as_millis());
        assert_eq!(millis, [0, 50, 100, 150, 200]);
    }

    #[test]
    fn jitter_covers_every_nanosecond_from_zero_to_the_bound() {
        let second = Duration::from_secs(1);
        assert_eq!(up_to(second, 0), Duration::ZERO);
        assert_eq!(up_to(second, u64::MAX), second);
        assert_eq!(up_to(second, 1 << 63), second / 2);
        assert_eq!(up_to(Duration::ZERO, u64::MAX), Duration::ZERO);
        let thirds = [0, 1 << 62, 3 << 62].map(|bits| up_to(Duration::from_nanos(2), bits));
        assert_eq!(thirds.map(|it| it.as_nanos()), [0, 0, 2]);
    }
}
