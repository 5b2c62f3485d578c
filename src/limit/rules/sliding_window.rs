//! Two counters that stand in for a window that slides with the present. Its
//! twin is `lua/sliding_window.lua`.

use super::{
    forward::forward,
    quota::{Cost, Quota},
    remaining::Remaining,
    rule::Rule,
    window::{View, Window},
    word::Word,
};
use crate::{
    clock::Tick,
    error::{InvalidSetting, valid},
    limit::{
        decision::Decision,
        window_info::{SlidingCounts, WindowSize},
    },
};

/// The largest product of limit and ticks of a window that is counted tick by
/// tick. Beyond it, sums would leave 2^53 in Lua.
const MAX_PRODUCT: u64 = 1 << 49;

/// Two counters that approximate a window sliding with the present: the costs
/// that passed in this window, and the part of the window before that still
/// lies within the last W.
///
/// With W = period, e = how far this window has come, and the counts of this
/// window and the one before:
///
/// ```text
/// used = previous * (W - e) + current * W
/// admit if used + cost * W <= limit * W
/// remaining   = floor((limit * W - used) / W)
/// retry_after = ceil((used + cost * W - limit * W) / previous)   within this window, or
///               (W - e) + ceil((current + cost - limit) * W / current)
/// reset_after = 2 * W - e, or W - e if nothing passed in this window
/// ```
///
/// # When a window begins
///
/// At each multiple of W on the limiter's clock, not with the first request. In
/// Redis, and in process by [`Wall`](crate::clock::Wall), the clock counts from
/// the beginning of 1970, so a day begins at midnight UTC. The default in
/// process, [`Monotonic`](crate::clock::Monotonic), counts from another instant
/// in each process, so its days begin at any hour.
///
/// # Low limits
///
/// A cost at the beginning of a window counts until it is weighed down in the
/// next one. So when the limit n is used up at once, one more may have to wait
/// for W + W / n: "100 a day" 24 hours and 15 minutes, but "1 a day" up to 48
/// hours. For low limits take [`SlidingLog`](crate::limit::SlidingLog), which
/// lets a request pass exactly W after an earlier one, or a
/// [`TokenBucket`](crate::limit::TokenBucket).
///
/// # How exact it is
///
/// It assumes that the window before was used evenly. If it was not, a request
/// may pass earlier or later than by an exact log. It never admits more than
/// the limit in one window, nor as much as twice the limit in any other span of
/// W, keeps one word for each bucket whatever the limit, and does not count
/// denied requests. If exactness matters more than memory, take
/// [`SlidingLog`](crate::limit::SlidingLog).
///
/// The limit is the quota's amount, at most 2^26 - 1; its burst is
/// ignored. If limit * W is above 2^49 (a million a day is 2^56), W and e are
/// counted in steps of more than a tick, rounded so that nothing is admitted
/// early.
///
/// ```
/// use sluicegate::limit::{Quota, Rule, SlidingWindow};
///
/// let rule = SlidingWindow::new(Quota::per_second(10));
/// let mut state = Default::default();
/// assert!(rule.decide(&mut state, 0, 10).is_admitted());
/// // Half a window later, half of it is forgotten.
/// assert_eq!(rule.decide(&mut state, 1_500_000, 0).remaining(), 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingWindow {
    quota: Quota,
    pub(super) window: Window,
    /// Ticks in a step, in which the window is counted.
    pub(super) step: Tick,
    /// Steps in a window: W in the sums.
    pub(super) steps: u64,
}

impl SlidingWindow {
    /// A window of the quota's period that admits its amount.
    ///
    /// # Panics
    ///
    /// If the amount is 2^26 or more.
    #[track_caller]
    pub fn new(quota: Quota) -> Self {
        valid(Self::try_new(quota))
    }

    /// A window of the quota's period that admits its amount.
    ///
    /// # Errors
    ///
    /// If the amount is 2^26 or more: two such counts do not fit in a word.
    pub fn try_new(quota: Quota) -> Result<Self, InvalidSetting> {
        let window = Window::new(&quota, 2)?;
        let product = u128::from(window.limit) * u128::from(window.width);
        // At most 2^26 * 2^52 / 2^49.
        let step = product.div_ceil(u128::from(MAX_PRODUCT)) as Tick;
        let steps = window.width.div_ceil(step);
        Ok(Self {
            quota,
            window,
            step,
            steps,
        })
    }

    #[inline(always)]
    fn counts(&self, view: &View) -> SlidingCounts {
        SlidingCounts {
            // At most twice the limit, and 2^29: no bits are lost.
            previous: view.previous as u32,
            current: view.current as u32,
            step: self.step as u32,
        }
    }

    /// Returns what is used and `cost` more, times W: in the units of
    /// [`Remaining`].
    #[inline(always)]
    fn used(&self, view: &View, cost: Cost) -> u64 {
        self.counts(view).used(self.steps, view.elapsed, cost)
    }

    /// Returns the ticks until `cost`, which is within the limit, passes: 0 if
    /// it does now.
    fn wait(&self, view: &View, cost: Cost) -> Tick {
        let size = WindowSize {
            limit: self.window.limit,
            steps: self.steps,
            width: self.window.width,
        };
        let wait = self.counts(view).wait(size, view.elapsed, cost);
        view.ahead + wait
    }

    /// Returns the decision for what the view counts, which the cost is part of
    /// if it was admitted.
    #[inline(always)]
    fn decision(&self, view: &View, cost: Cost, admitted: bool) -> Decision {
        let (limit, steps) = (self.window.limit, self.steps);
        let units = match view.ahead {
            0 => (limit * steps).saturating_sub(self.used(view, 0)),
            _ => 0,
        };
        let remaining = Remaining {
            limit,
            units,
            token: steps,
            tick: 1,
        };
        let reset = self.reset(view);
        let decision = match admitted {
            true => Decision::admit(remaining, reset),
            false if cost > limit => Decision::never(remaining, reset),
            false => Decision::deny(remaining, self.wait(view, cost), reset),
        };
        if view.ahead == 0 {
            return decision.sliding(self.counts(view), self.window.width);
        }
        decision.windowed(self.wait(view, 1), self.window.width)
    }

    /// Returns the ticks until nothing counts any more.
    #[inline(always)]
    fn reset(&self, view: &View) -> Tick {
        let left = view.ahead + self.window.width - view.elapsed;
        match (view.previous, view.current) {
            (0, 0) => view.ahead,
            (_, 0) => left,
            (_, _) => left + self.window.width,
        }
    }
}

impl Rule for SlidingWindow {
    type State = Word;

    #[inline(always)]
    fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> Decision {
        let limit = self.window.limit;
        let fits = |view: &View| cost <= limit && self.used(view, cost) <= limit * self.steps;
        let (view, admitted) = self.window.charge(state, now, cost, fits);
        self.decision(&view, cost, admitted)
    }

    #[inline]
    fn life(&self, state: &Word, now: Tick) -> Tick {
        self.reset(&self.window.view(*state, now))
    }

    fn horizon(&self) -> Tick {
        self.window.width * 2
    }

    forward!(window: credit, debit, max_debit, lifetime);
    forward!(window: book, undo, is_ahead);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::rule::reserve, *};

    const W: Tick = 1_000_000;

    fn denied_until(rule: &SlidingWindow, state: Word, now: Tick, cost: Cost) -> Tick {
        let retry = rule
            .decide(&mut state.clone(), now, cost)
            .retry_ticks()
            .expect("denied");
        assert!(
            rule.decide(&mut state.clone(), now + retry - 1, cost)
                .is_denied()
        );
        assert!(
            rule.decide(&mut state.clone(), now + retry, cost)
                .is_admitted()
        );
        now + retry
    }

    #[test]
    fn the_window_before_counts_less_and_less() {
        let (rule, mut state) = (SlidingWindow::new(Quota::per_second(10)), Word::EMPTY);
        assert!(rule.decide(&mut state, 0, 10).is_admitted());
        assert_eq!(rule.decide(&mut state, W, 0).remaining(), 0);
        assert_eq!(rule.decide(&mut state, W + 99_999, 0).remaining(), 0);
        assert_eq!(rule.decide(&mut state, W + 100_000, 0).remaining(), 1);
        assert_eq!(denied_until(&rule, state, W + 1, 1), W + 100_000);
        assert_eq!(denied_until(&rule, state, 5, 3), W + 300_000);
    }

    #[test]
    fn a_large_cost_may_have_to_wait_for_the_next_window_but_one() {
        let (rule, mut state) = (SlidingWindow::new(Quota::per_second(10)), Word::EMPTY);
        rule.decide(&mut state, 100, 5);
        rule.decide(&mut state, W + 600_000, 8);
        assert_eq!(denied_until(&rule, state, W + 600_000, 10), 3 * W);
    }

    #[test]
    fn two_idle_windows_forget() {
        let (rule, mut state) = (SlidingWindow::new(Quota::per_second(10)), Word::EMPTY);
        rule.decide(&mut state, 999_999, 10);
        assert_eq!(rule.life(&state, 999_999), W + 1);
        assert_eq!(
            rule.decide(&mut state, 2 * W, 0).reset_after(),
            Duration::ZERO
        );
    }

    /// As the docs say, to the tick.
    #[test]
    fn one_more_waits_for_a_window_and_its_share_of_the_next() {
        const DAY: Tick = 86_400_000_000;
        for (limit, hours, minutes) in [(1, 48, 0), (2, 36, 0), (24, 25, 0), (96, 24, 15)] {
            let rule = SlidingWindow::new(Quota::per_day(limit));
            let mut state = Word::EMPTY;
            assert!(rule.decide(&mut state, 7 * DAY, limit).is_admitted());
            let expected = 7 * DAY + (hours * 60 + minutes) * 60_000_000;
            assert_eq!(denied_until(&rule, state, 7 * DAY, 1), expected);
        }
    }

    #[test]
    fn a_limit_of_one_admits_in_every_other_window() {
        let (rule, mut state) = (SlidingWindow::new(Quota::per_second(1)), Word::EMPTY);
        assert!(rule.decide(&mut state, 0, 1).is_admitted());
        assert_eq!(denied_until(&rule, state, 1, 1), 2 * W);
    }

    #[test]
    fn coarse_steps_keep_the_promised_instant() {
        let quota = Quota::per_day(1_000_003);
        let (rule, mut state) = (SlidingWindow::new(quota), Word::EMPTY);
        assert!(rule.step > 1);
        rule.decide(&mut state, 12_345, 1_000_003);
        let day = quota.period_ticks();
        denied_until(&rule, state, 54_321, 7);
        denied_until(&rule, state, day + 54_321, 700_000);
    }

    #[test]
    fn a_limit_that_is_too_large_is_named_in_the_error() {
        let error = SlidingWindow::try_new(Quota::per_second(1 << 26)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("invalid quota amount 67108864"),
            "{error}"
        );
    }

    /// Of the largest limit a word has room for nine bits of the index.
    #[test]
    fn a_place_is_booked_no_further_ahead_than_a_word_can_tell() {
        let limit = (1 << 26) - 1;
        let rule = SlidingWindow::new(Quota::per_second(limit));
        let mut state = Word::EMPTY;
        assert!(rule.decide(&mut state, 0, limit).is_admitted());
        let booked = (0..600)
            .take_while(|_| {
                assert!(rule.decide(&mut state.clone(), 0, 1).is_denied());
                !reserve(&rule, &mut state, 0, limit, Tick::MAX).is_denied()
            })
            .count();
        assert!((50..=128).contains(&booked), "{booked}");
    }
}
