//! The arithmetic that the token bucket and the leaky bucket share.
//!
//! Both remember one number, the instant at which the bucket is whole again
//! (the *theoretical arrival time* of the generic cell rate algorithm, ITU-T
//! I.371). All that differs is what they make of it.
//!
//! Time is counted in units so small that a token takes a whole number of
//! them: with period / amount reduced to `token / tick`, a token takes `token`
//! units and a microsecond lasts `tick` units.
//!
//! A word is that instant in half units, and its lowest bit says whether the
//! bucket was further from whole than a whole bucket is when the word was written:
//! by a debt, or by a place that was booked in advance. Without that bit, a bucket
//! that seems to be further from whole was written before the clock stepped back.
//! Then it counts as empty: how much time has passed is unknown, but no debt
//! explains a longer wait.

#[cfg(feature = "redis")]
use super::script::ReplyReader;
use super::{
    quota::{Cost, LARGEST, MAX_COST, Quota, QuotaError},
    remaining::Spare,
    word::Word,
};
use crate::{clock::Tick, limit::decision::Decision};

/// The largest denominator: a millionth of a microsecond is fine enough.
const FINEST: u64 = 1 << 21;

/// The furthest that a bucket can be from whole, by debt or by a clock that
/// stepped back.
const FURTHEST: u64 = (1 << 53) - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Units that a token takes.
    token: u64,
    /// Units in a tick.
    tick: u64,
    /// Tokens of a whole bucket.
    size: u64,
    /// Units of a whole bucket.
    room: u64,
    /// Half units in a tick.
    tick_halves: u64,
    /// Ticks for which a word can be read. Kept, because every decision asks
    /// for it and a division is dear.
    lifetime: Tick,
}

impl Arrival {
    /// A bucket of `size` tokens, which is the quota's burst or one more.
    pub(crate) fn new(quota: &Quota, size: u64) -> Result<Self, QuotaError> {
        let (token, tick) = fraction(quota)?;
        Ok(Self {
            token,
            tick,
            size,
            room: size * token,
            tick_halves: 2 * tick,
            // Words are compared around half of their range; a quarter leaves
            // room for what lies ahead.
            lifetime: (1 << 61) / tick,
        })
    }

    /// Takes `cost` tokens if they are there. Also says how far from whole the
    /// bucket was before.
    #[inline]
    pub(crate) fn take(&self, state: &mut Word, now: Tick, cost: Cost) -> (Decision, u64) {
        // What is admitted lies in the room, so only refusals need FURTHEST:
        // each step on the way to the new word is one that everyone waits for.
        let ahead = self.distance(*state, now);
        if cost > self.size || ahead + cost * self.token > self.room {
            return self.refuse(state, now, cost);
        }
        let level = ahead + cost * self.token;
        if cost > 0 {
            *state = self.word(now, level);
        }
        (Decision::admit(self.spare(level), level), ahead)
    }

    /// Refuses, unless nothing is asked of a bucket that only seems to be further
    /// from whole. One that was asked for a token is written anew as what it counts
    /// as, or it would seem so until the clock is there again.
    #[inline]
    fn refuse(&self, state: &mut Word, now: Tick, cost: Cost) -> (Decision, u64) {
        let ahead = self.ahead(*state, now);
        if cost > 0 {
            self.settle(state, now);
        }
        if cost == 0 && ahead <= self.room {
            return (Decision::admit(self.spare(ahead), ahead), ahead);
        }
        (self.refusal(ahead, cost), ahead)
    }

    /// Writes what only seems to be further from whole as what it counts as.
    pub(crate) fn settle(&self, state: &mut Word, now: Tick) {
        if self.is_behind(*state, now) {
            *state = self.word(now, self.room);
        }
    }

    /// Takes `cost` after `wait` ticks, which is when it is there.
    pub(crate) fn book(&self, state: &mut Word, now: Tick, cost: Cost, wait: Tick) -> Decision {
        let (decision, _) = self.take(state, now + wait, cost);
        if decision.is_admitted() && cost > 0 {
            *state = self.word(now, self.distance(*state, now));
        }
        decision.after(wait)
    }

    #[inline]
    fn refusal(&self, ahead: u64, cost: Cost) -> Decision {
        if cost > self.size {
            return Decision::never(self.spare(ahead), ahead);
        }
        let excess = ahead + cost * self.token - self.room;
        Decision::deny(self.spare(ahead), excess, ahead)
    }

    pub(crate) fn credit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let ahead = self.ahead(*state, now);
        *state = self.word(now, ahead.saturating_sub(cost.saturating_mul(self.token)));
    }

    /// All of it, less the time for which the bucket would have been whole
    /// without it: whoever came since found it no fuller than that.
    pub(crate) fn undo(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        (at, mark): (Tick, u64),
    ) -> Cost {
        self.settle(state, now);
        let charged = cost.saturating_mul(self.token);
        let before = mark.saturating_sub(self.tick + charged);
        let since = now.saturating_sub(at).saturating_mul(self.tick);
        let back = charged.saturating_sub(since.saturating_sub(before));
        if back == 0 {
            return 0;
        }
        *state = self.word(now, self.ahead(*state, now).saturating_sub(back));
        cost
    }

    /// The same for a place in a queue. It goes back only while the state is the one
    /// that its charge has left, and not after the clock stepped back: then the
    /// bucket counts as empty, whoever came.
    pub(crate) fn undo_last(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        (at, mark): (Tick, u64),
    ) -> Cost {
        if self.is_behind(*state, now) || self.mark(*state, at) != mark {
            self.settle(state, now);
            return 0;
        }
        self.credit(state, now, cost);
        cost
    }

    pub(crate) fn debit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let cost = cost.min(MAX_COST);
        let level = self
            .ahead(*state, now)
            .saturating_add(cost.saturating_mul(self.token));
        *state = self.word(now, level.min(FURTHEST));
    }

    pub(crate) fn max_debit(&self) -> Cost {
        (FURTHEST / self.token).min(MAX_COST)
    }

    pub(crate) fn life(&self, state: Word, now: Tick) -> Tick {
        self.ahead(state, now).div_ceil(self.tick)
    }

    pub(crate) fn horizon(&self) -> Tick {
        self.room.div_ceil(self.tick)
    }

    #[inline]
    pub(crate) fn lifetime(&self) -> Tick {
        self.lifetime
    }

    /// Units from now until the bucket is whole: 0 when it is.
    #[inline]
    fn ahead(&self, state: Word, now: Tick) -> u64 {
        match self.is_behind(state, now) {
            true => self.room,
            false => self.distance(state, now).min(FURTHEST),
        }
    }

    /// Whether the clock stepped back since the state was written, so far that no
    /// debt explains the distance.
    #[inline]
    fn is_behind(&self, state: Word, now: Tick) -> bool {
        state.0 & 1 == 0 && self.distance(state, now) > self.room
    }

    /// Units from now until the bucket is whole by what the word says, however many
    /// they are.
    #[inline]
    fn distance(&self, state: Word, now: Tick) -> u64 {
        if state == Word::EMPTY {
            return 0;
        }
        // Words wrap, so they are compared by their difference.
        let halves = state.0.wrapping_sub(now.wrapping_mul(self.tick_halves)) as i64;
        halves.max(0) as u64 / 2
    }

    /// If the bits happen to be those of no word, the next one may say that the
    /// bucket is in debt. That bounds a clock's step back less, and no wait more.
    #[inline]
    pub(crate) fn word(&self, now: Tick, ahead: u64) -> Word {
        if ahead == 0 {
            return Word::EMPTY;
        }
        let halves = (2 * ahead) | u64::from(ahead > self.room);
        Word::nearest(now.wrapping_mul(self.tick_halves).wrapping_add(halves))
    }

    /// Units until the bucket is whole, seen from the tick before a booking
    /// falls due: waits are rounded up to a tick, so there may be none at it.
    pub(crate) fn mark(&self, state: Word, at: Tick) -> u64 {
        self.distance(state, at.saturating_sub(1)).min(FURTHEST)
    }

    /// What the twin in Lua has to know.
    #[cfg(feature = "redis")]
    pub(crate) fn lua_params(&self) -> [u64; 3] {
        [self.token, self.tick, self.size]
    }

    /// The word of a bucket that the twin found so far from whole.
    #[cfg(feature = "redis")]
    pub(crate) fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        let ahead = reply.take().filter(|ahead| *ahead <= FURTHEST)?;
        Some(self.word(now, ahead))
    }

    #[inline]
    fn spare(&self, ahead: u64) -> Spare {
        let units = self.room.saturating_sub(ahead);
        Spare {
            limit: self.size,
            units,
            token: self.token,
            tick: self.tick,
        }
    }
}

/// period / amount as (token, tick), exact if it can be, else a little slower.
fn fraction(quota: &Quota) -> Result<(u64, u64), QuotaError> {
    let (period, amount, burst) = (quota.period_ticks(), quota.amount(), quota.burst_size());
    let common = gcd(period, amount);
    let (token, tick) = (period / common, amount / common);
    let fits = |token: u64| {
        token
            .checked_mul(burst + 1)
            .is_some_and(|room| room <= LARGEST)
    };
    if tick <= FINEST && fits(token) {
        return Ok((token, tick));
    }
    let finest = finest(period, amount, burst).ok_or_else(|| {
        QuotaError::new(
            "burst",
            burst,
            "what comes back within 2^52 microseconds (142 years)",
        )
    })?;
    let (token, tick) = nearest_above(token, tick, finest);
    if fits(token) && within_a_millionth((token, tick), quota) {
        return Ok((token, tick));
    }
    let allowed = "a rate that can be kept within a millionth (see `Quota`, exactness)";
    Err(QuotaError::new("amount", amount, allowed))
}

/// The largest denominator with which a bucket of `burst + 1` tokens still
/// fits; `None` if there is none.
fn finest(period: Tick, amount: u64, burst: u64) -> Option<u64> {
    let units = u128::from(LARGEST / (burst + 1));
    let finest = units * u128::from(amount) / u128::from(period);
    (finest > 0).then(|| u64::try_from(finest).map_or(FINEST, |finest| finest.min(FINEST)))
}

/// The smallest fraction of at least `n / d`, which is reduced, with a
/// denominator of at most `finest`: a walk down the Stern-Brocot tree, many
/// steps at a time.
fn nearest_above(n: u64, d: u64, finest: u64) -> (u64, u64) {
    if d <= finest {
        return (n, d);
    }
    let (n, d, finest) = (u128::from(n), u128::from(d), u128::from(finest));
    let (mut low, mut high) = ((n / d, 1), (n / d + 1, 1));
    loop {
        let below = n * low.1 - d * low.0;
        let above = d * high.0 - n * high.1;
        let up = (below / above).min((finest - low.1) / high.1);
        low = (low.0 + up * high.0, low.1 + up * high.1);
        let below = n * low.1 - d * low.0;
        // Never 0: low would be n / d, whose denominator is too large.
        let down = (above / below).min((finest - high.1) / low.1);
        high = (high.0 + down * low.0, high.1 + down * low.1);
        if up == 0 && down == 0 {
            return (high.0 as u64, high.1 as u64);
        }
    }
}

fn within_a_millionth((token, tick): (u64, u64), quota: &Quota) -> bool {
    let kept = u128::from(token) * u128::from(quota.amount());
    let asked = u128::from(tick) * u128::from(quota.period_ticks());
    (kept - asked).saturating_mul(1_000_000) <= asked
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fraction_of(amount: u64, period: Duration) -> (u64, u64) {
        fraction(&Quota::new(amount, period).unwrap()).unwrap()
    }

    #[test]
    fn common_rates_are_exact() {
        let second = Duration::from_secs(1);
        assert_eq!(fraction_of(3, second), (1_000_000, 3));
        assert_eq!(fraction_of(50_000_000, second), (1, 50));
        assert_eq!(fraction_of(999_983, second), (1_000_000, 999_983));
        assert_eq!(
            fraction_of(1, Duration::from_secs(86_400)),
            (86_400_000_000, 1)
        );
    }

    #[test]
    fn other_rates_are_slower_by_less_than_a_millionth() {
        for amount in [2_097_169, 3_000_017, 49_999_991, 4_294_967_291] {
            let quota = Quota::new(amount, Duration::from_secs(1)).unwrap();
            let (token, tick) = fraction(&quota).unwrap();
            assert!(tick <= FINEST);
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
        for (n, d, finest) in [
            (355, 1_130, 100),
            (1_000, 7_919, 64),
            (17, 1_009, 1),
            (99_991, 9_973, 50),
        ] {
            let searched = (1..=finest)
                .map(|tick: u64| ((n * tick).div_ceil(d), tick))
                .min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
                .unwrap();
            let found = nearest_above(n, d, finest);
            assert_eq!(
                found.0 * searched.1,
                searched.0 * found.1,
                "{n}/{d} within {finest}"
            );
        }
    }
}
