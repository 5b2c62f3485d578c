//! A bucket of tokens that fills at a constant rate. Its twin is
//! `lua/token_bucket.lua`.

use super::{
    forward::forward,
    gcra::Gcra,
    quota::{Cost, Quota},
    rule::Rule,
    word::Word,
};
use crate::{clock::Tick, limit::decision::Decision};

/// A bucket of `burst` tokens that fills at `amount` in `period`. A request
/// takes as many tokens as it costs, or is denied if there are fewer.
///
/// With T = period / amount and B = burst, and `tat` the instant at which the
/// bucket is full again:
///
/// ```text
/// base = max(tat, now)
/// admit if (base - now) + cost * T <= B * T, and then tat = base + cost * T
/// remaining   = floor((B * T - (tat - now)) / T)
/// retry_after = (base - now) + cost * T - B * T
/// reset_after = tat - now
/// ```
///
/// This is the generic cell rate algorithm of ITU-T I.371 in its virtual
/// scheduling form. In any span t it admits at most `B + t / T`. A cost above
/// B never passes. After a [`debit`](crate::limit::Local::debit) of more than
/// there was, or after a booking in advance, `tat` lies further ahead than
/// B * T.
///
/// ```
/// use sluicegate::limit::{Quota, Rule, TokenBucket};
///
/// // 10 a second, 2 at once: one more every 100 ms.
/// let rule = TokenBucket::new(Quota::per_second(10).burst(2));
/// let mut state = Default::default();
/// assert_eq!(rule.decide(&mut state, 0, 1).remaining(), 1);
/// assert_eq!(rule.decide(&mut state, 0, 1).remaining(), 0);
/// let denied = rule.decide(&mut state, 30_000, 1);
/// assert_eq!(denied.retry_after().unwrap().as_millis(), 70);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    quota: Quota,
    pub(super) gcra: Gcra,
}

impl TokenBucket {
    /// A bucket of the quota's burst.
    pub fn new(quota: Quota) -> Self {
        let gcra = Gcra::new(quota.rate(), quota.burst_size());
        Self { quota, gcra }
    }
}

impl Rule for TokenBucket {
    type State = Word;

    #[inline(always)]
    fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> Decision {
        self.gcra.decide(state, now, cost).0
    }

    fn mark_refunded(&self, mark: u64, refunded: Cost) -> u64 {
        self.gcra.mark_refunded(mark, refunded)
    }

    fn undo(&self, state: &mut Word, now: Tick, cost: Cost, at: Tick, mark: u64) -> Cost {
        self.gcra.undo(state, now, cost, (at, mark))
    }

    forward!(gcra: credit, debit, max_debit, lifetime);
    forward!(gcra: book, mark, life, horizon);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T: Tick = 100_000;

    fn rule() -> TokenBucket {
        TokenBucket::new(Quota::per_second(10).burst(3))
    }

    #[test]
    fn a_burst_then_one_for_every_interval() {
        let (rule, mut state) = (rule(), Word::EMPTY);
        for remaining in [2, 1, 0] {
            assert_eq!(rule.decide(&mut state, 7, 1).remaining(), remaining);
        }
        let denied = rule.decide(&mut state, 7, 1);
        assert_eq!(denied.retry_after(), Some(Duration::from_micros(T)));
        assert_eq!(denied.reset_after(), Duration::from_micros(3 * T));
        assert!(rule.decide(&mut state, 6 + T, 1).is_denied());
        assert!(rule.decide(&mut state, 7 + T, 1).is_admitted());
    }

    #[test]
    fn idle_time_does_not_double_the_burst() {
        let (rule, mut state) = (rule(), Word::EMPTY);
        rule.decide(&mut state, 0, 3);
        assert!(rule.decide(&mut state, 1_000 * T, 3).is_admitted());
        assert!(rule.decide(&mut state, 1_000 * T, 1).is_denied());
    }

    #[test]
    fn a_cost_above_the_burst_never_passes_and_takes_nothing() {
        let (rule, mut state) = (rule(), Word::EMPTY);
        for cost in [4, u64::MAX] {
            let never = rule.decide(&mut state, 0, cost);
            assert!(never.is_denied() && never.retry_after().is_none());
            assert_eq!(state, Word::EMPTY);
        }
    }

    #[test]
    fn a_decision_tells_when_more_is_left() {
        let (rule, mut state) = (rule(), Word::EMPTY);
        assert_eq!(rule.decide(&mut state, 0, 0).more_after(), Duration::ZERO);
        rule.decide(&mut state, 0, 2);
        assert_eq!(
            rule.decide(&mut state, 30_000, 0).more_after(),
            Duration::from_micros(70_000)
        );
        rule.debit(&mut state, 30_000, 2);
        let debt = rule.decide(&mut state, 30_000, 1);
        assert_eq!(debt.remaining(), 0);
        assert_eq!(debt.more_after(), debt.retry_after().unwrap());
    }

    #[test]
    fn a_booking_tells_to_the_tick_when_more_is_left() {
        let rule = TokenBucket::new(Quota::per_second(3).burst(2));
        let mut state = Word::EMPTY;
        rule.decide(&mut state, 0, 2);
        let retry = rule.decide(&mut state, 0, 1).retry_ticks();
        let booked = rule.book(&mut state, 0, 1, retry.expect("it is denied"));
        assert_eq!(booked.more_after(), Duration::from_micros(666_667));
    }

    #[test]
    fn credit_stops_at_full() {
        let (rule, mut state) = (rule(), Word::EMPTY);
        rule.decide(&mut state, 0, 1);
        rule.credit(&mut state, 0, 100);
        assert_eq!(state, Word::EMPTY);
    }

    #[test]
    fn the_window_is_the_time_in_which_the_burst_comes_back() {
        let decision = rule().decide(&mut Word::EMPTY.clone(), 0, 1);
        assert_eq!(decision.window(), Duration::from_millis(300));
    }
}
