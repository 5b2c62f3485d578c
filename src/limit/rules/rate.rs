//! The time for one token, reduced to a fraction of whole numbers.
//!
//! `period / amount` is kept as `token / tick`: a token takes `token` units,
//! and `tick` units come back in a tick, a microsecond. So a rule adds and
//! compares whole numbers, and never rounds a rate up. See
//! [exactness](crate::limit::Quota#exactness).

use super::quota::MAX_UNITS;
use crate::clock::Tick;

/// The largest number of units in a tick: half a millionth of a microsecond is
/// fine enough.
const MAX_TICK_UNITS: u64 = 1 << 21;

/// How long a token takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Units that a token takes.
    pub(super) token: u64,
    /// Units in a tick.
    pub(super) tick: u64,
}

impl Rate {
    /// Reduces `period / amount` so that a bucket of `burst + 1` tokens still
    /// fits in [`MAX_UNITS`]: exactly if that is possible, else a little
    /// slower.
    ///
    /// # Errors
    ///
    /// If the rate cannot be kept within a millionth. The error is a text that
    /// tells which rates can be kept.
    pub(super) fn reduce(period: Tick, amount: u64, burst: u64) -> Result<Self, &'static str> {
        let common = gcd(period, amount);
        let (token, tick) = (period / common, amount / common);
        let fits = |token: u64| {
            token
                .checked_mul(burst + 1)
                .is_some_and(|room| room <= MAX_UNITS)
        };
        if tick <= MAX_TICK_UNITS && fits(token) {
            return Ok(Self { token, tick });
        }
        let Some(max_tick_units) = max_tick_units(period, amount, burst) else {
            return Err("at most what comes back within 2^52 microseconds (142 years)");
        };
        let (token, tick) = nearest_above(token, tick, max_tick_units);
        if fits(token) && within_a_millionth((token, tick), (period, amount)) {
            return Ok(Self { token, tick });
        }
        Err("a rate that can be kept within a millionth (see `Quota`, exactness)")
    }
}

/// Returns the largest denominator with which a bucket of `burst + 1` tokens
/// still fits; `None` if there is none.
fn max_tick_units(period: Tick, amount: u64, burst: u64) -> Option<u64> {
    let units = u128::from(MAX_UNITS / (burst + 1));
    let tick = units * u128::from(amount) / u128::from(period);
    (tick > 0).then(|| u64::try_from(tick).map_or(MAX_TICK_UNITS, |tick| tick.min(MAX_TICK_UNITS)))
}

/// Returns the smallest fraction of at least `n / d`, which is reduced, with a
/// denominator of at most `most`: a walk down the Stern-Brocot tree, many steps
/// at a time.
fn nearest_above(n: u64, d: u64, most: u64) -> (u64, u64) {
    if d <= most {
        return (n, d);
    }
    let (n, d, most) = (u128::from(n), u128::from(d), u128::from(most));
    let (mut low, mut high) = ((n / d, 1), (n / d + 1, 1));
    loop {
        let below = n * low.1 - d * low.0;
        let above = d * high.0 - n * high.1;
        let up = (below / above).min((most - low.1) / high.1);
        low = (low.0 + up * high.0, low.1 + up * high.1);
        let below = n * low.1 - d * low.0;
        // Never 0: low would be n / d, whose denominator is too large.
        let down = (above / below).min((most - high.1) / low.1);
        high = (high.0 + down * low.0, high.1 + down * low.1);
        if up == 0 && down == 0 {
            return (high.0 as u64, high.1 as u64);
        }
    }
}

/// Whether the fraction is at most a millionth slower than `period / amount`.
fn within_a_millionth((token, tick): (u64, u64), (period, amount): (Tick, u64)) -> bool {
    let kept = u128::from(token) * u128::from(amount);
    let exact = u128::from(tick) * u128::from(period);
    (kept - exact).saturating_mul(1_000_000) <= exact
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Tick = 1_000_000;

    fn fraction(period: Tick, amount: u64) -> (u64, u64) {
        let Rate { token, tick } = Rate::reduce(period, amount, amount).unwrap();
        (token, tick)
    }

    #[test]
    fn common_rates_are_exact() {
        assert_eq!(fraction(SECOND, 3), (1_000_000, 3));
        assert_eq!(fraction(SECOND, 50_000_000), (1, 50));
        assert_eq!(fraction(SECOND, 999_983), (1_000_000, 999_983));
        assert_eq!(fraction(86_400 * SECOND, 1), (86_400_000_000, 1));
    }

    #[test]
    fn other_rates_are_slower_by_less_than_a_millionth() {
        for amount in [2_097_169, 3_000_017, 49_999_991, 4_294_967_291] {
            let (token, tick) = fraction(SECOND, amount);
            assert!(tick <= MAX_TICK_UNITS);
            let exact = u128::from(tick) * 1_000_000;
            let kept = u128::from(token) * u128::from(amount);
            assert!(
                kept > exact && (kept - exact) * 1_000_000 <= exact,
                "{amount}: {token}/{tick}"
            );
        }
    }

    #[test]
    fn the_nearest_fraction_above_is_the_one_that_a_search_finds() {
        for (n, d, most) in [
            (355, 1_130, 100),
            (1_000, 7_919, 64),
            (17, 1_009, 1),
            (99_991, 9_973, 50),
        ] {
            let searched = (1..=most)
                .map(|tick: u64| ((n * tick).div_ceil(d), tick))
                .min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
                .unwrap();
            let found = nearest_above(n, d, most);
            assert_eq!(
                found.0 * searched.1,
                searched.0 * found.1,
                "{n}/{d} within {most}"
            );
        }
    }
}
