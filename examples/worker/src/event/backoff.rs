//! The time between two attempts at an event.

use std::time::Duration;

/// A random time from 0 up to a bound that doubles with each attempt ("full
/// jitter"), so that events that failed together do not return together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The bound after the first attempt.
    pub(crate) base: Duration,
    /// The largest bound.
    pub(crate) cap: Duration,
}

impl Backoff {
    /// Returns the time after this many attempts, of which there was at least
    /// one.
    pub(crate) fn delay(&self, attempts: u32, random: &mut fastrand::Rng) -> Duration {
        self.bound(attempts).mul_f64(random.f64())
    }

    /// Returns `min(cap, base * 2^(attempts - 1))`.
    fn bound(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap_and_never_overflows() {
        let backoff = Backoff {
            base: Duration::from_millis(50),
            cap: Duration::from_secs(1),
        };
        let bounds = [0, 1, 2, 5, 6, 32, 33, u32::MAX].map(|n| backoff.bound(n).as_millis());
        assert_eq!(bounds, [50, 50, 100, 800, 1_000, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn delays_spread_over_the_whole_bound() {
        let (base, cap) = (Duration::from_secs(1), Duration::from_secs(1));
        let mut random = fastrand::Rng::with_seed(7);
        let mut quarters = [0; 4];
        for _ in 0..1_000 {
            let delay = Backoff { base, cap }.delay(1, &mut random);
            assert!(delay < base);
            quarters[(delay.as_millis() / 250) as usize] += 1;
        }
        assert!(quarters.iter().all(|hits| *hits > 150), "{quarters:?}");
    }
}
