//! The rules of `sluicegate`, asked directly.

use std::time::Duration;

use sluicegate::{
    clock::Tick,
    limit::{
        Decision, FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket,
        Verdict,
    },
};

use super::player::{Answer, Player, SECOND};

/// A rule and the states of its buckets.
struct Buckets<R: Rule> {
    rule: R,
    states: Vec<R::State>,
}

impl<R: Rule> Player for Buckets<R> {
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer {
        answer(&self.rule.decide(&mut self.states[bucket], now, 1))
    }
}

/// Returns the answer that a client of the layer gets.
pub(in super::super) fn answer(decision: &Decision) -> Answer {
    match decision.verdict() {
        Verdict::Deny => Answer::Refuse {
            retry: decision.retry_after().map(header),
        },
        Verdict::Queue(wait) => Answer::Pass { wait: ticks(wait) },
        Verdict::Admit => Answer::Pass { wait: 0 },
    }
}

/// The `Retry-After` header has whole seconds, rounded up, and at least 1.
fn header(retry: Duration) -> Tick {
    ticks(retry).div_ceil(SECOND).max(1) * SECOND
}

fn ticks(time: Duration) -> Tick {
    time.as_micros() as Tick
}

fn buckets<R: Rule>(rule: R, buckets: usize) -> Box<dyn Player> {
    let states = (0..buckets).map(|_| R::State::default()).collect();
    Box::new(Buckets { rule, states })
}

pub(super) fn token_bucket(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(TokenBucket::new(quota), count)
}

pub(super) fn queue(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(LeakyBucket::new(quota), count)
}

pub(super) fn meter(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(LeakyBucket::meter(quota), count)
}

pub(super) fn sliding_window(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(SlidingWindow::new(quota), count)
}

pub(super) fn sliding_log(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(SlidingLog::new(quota), count)
}

pub(super) fn fixed_window(quota: Quota, count: usize) -> Box<dyn Player> {
    buckets(FixedWindow::new(quota), count)
}
