//! The laws of a history, against the rules of this crate.

use std::time::Duration;

use tokio::time::Instant;

use super::history::History;
use crate::limit::{FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket};

const LIMIT: u64 = 8;
const WINDOW: Duration = Duration::from_secs(1);

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// Calls at random times and in bursts; the rule counts each between the time
/// that it is sent and the time that it ends.
fn assert_bounds<R: Rule>(rule: &R)
where
    R::State: Default,
{
    for seed in 0..8 {
        let (mut dice, mut state) = (Dice(seed), R::State::default());
        let origin = Instant::now();
        // The boundaries of windows are anywhere.
        let first = dice.below(1_000_000);
        let mut history = History::new(WINDOW, origin);
        let mut micros = 0;
        for step in 0..250 {
            micros += match dice.below(6) {
                0 => dice.below(900_000),
                1..3 => dice.below(200_000),
                _ => dice.below(3_000),
            };
            let at = |micros| origin + Duration::from_micros(micros);
            let left = rule.decide(&mut state, first + micros, 0).remaining();
            let used = history.used(at(micros));
            assert!(
                LIMIT - left <= used,
                "{} of {used} at {micros} of {seed}",
                LIMIT - left
            );
            if step % 25 == 0 {
                assert_free_at(&history, at(micros));
            }
            history.sent();
            micros += dice.below(10_000);
            let is_counted = rule.decide(&mut state, first + micros, 1).is_admitted();
            micros += dice.below(10_000);
            history.ended(at(micros));
            assert!(is_counted || used >= LIMIT, "a call that was certain");
        }
    }
}

/// Units that are promised for a time are left then.
fn assert_free_at(history: &History, now: Instant) {
    for units in 1..=LIMIT {
        let at = history.free_at(units, LIMIT, now).unwrap();
        assert!(
            at >= now && at <= now + WINDOW * 2 + WINDOW / 40,
            "{:?}",
            at - now
        );
        assert!(history.used(at) + units <= LIMIT);
    }
}

#[test]
fn no_rule_counts_more_than_a_history_says() {
    let quota = Quota::new(LIMIT, WINDOW).unwrap();
    assert_bounds(&TokenBucket::new(quota));
    assert_bounds(&LeakyBucket::meter(quota));
    assert_bounds(&FixedWindow::new(quota));
    assert_bounds(&SlidingWindow::new(quota));
    assert_bounds(&SlidingLog::new(quota));
}

#[test]
fn a_call_is_off_after_two_windows_at_the_latest() {
    let now = Instant::now();
    let mut history = History::new(WINDOW, now);
    history.counted(3, now);
    assert_eq!(history.used(now + WINDOW), 3);
    assert_eq!(history.used(now + WINDOW * 2 + WINDOW / 40), 0);
    assert_eq!(history.used(now + WINDOW * 1_000_000), 0);
}

#[test]
fn calls_under_way_are_counted_until_they_end() {
    let now = Instant::now();
    let mut history = History::new(WINDOW, now);
    history.sent();
    assert_eq!(history.used(now + WINDOW * 9), 1);
    assert_eq!(history.free_at(8, 8, now), None);
    assert_eq!(history.free_at(7, 8, now), Some(now));
    history.ended(now + WINDOW * 9);
    assert_eq!(history.used(now + WINDOW * 9), 1);
}
