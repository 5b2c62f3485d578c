//! A server whose clock is set. After a step back no client is locked out for
//! longer than its bucket explains, and no additional request passes.

use std::time::Duration;

use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, Decision, FixedWindow, LeakyBucket, Quota, Scripted, SlidingLog, SlidingWindow,
        TokenBucket,
        testing::{Operation, ReplyReader, batch, terms},
    },
};

use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;

const DAY: Tick = 86_400_000_000;

const MINUTE: Tick = 60_000_000;

/// A bucket on a server whose clock the test sets.
struct Stepped<R> {
    rule: R,
    now: Tick,
    client: redis::Connection,
    _server: Server,
}

impl<R: Scripted> Stepped<R> {
    fn new(rule: R) -> Self {
        let server = Server::start();
        Self {
            rule,
            now: NOW,
            client: server.client(),
            _server: server,
        }
    }

    /// Returns how much of the entry is counted, and the decision.
    fn ask(&mut self, entry: Operation) -> (u64, Decision) {
        let entries = [(b"bucket".as_slice(), entry)].into_iter();
        let call = batch::<R>(&terms(&self.rule), Some(self.now), None, entries);
        let call = R::script().call_with_source(&call);
        let reply: Vec<Value> = call.query(&mut self.client).unwrap();
        let read = entry.read(&self.rule, self.now, &mut ReplyReader::of(&reply[1..]));
        let (count, mut state) = read.unwrap();
        (count, entry.replay(&self.rule, &mut state, self.now).1)
    }

    fn check(&mut self, cost: Cost) -> Decision {
        let (count, decision) = self.ask(Operation::Check(cost));
        assert_eq!(decision.is_admitted(), count == 1, "{decision:?}");
        decision
    }

    /// How long a denied caller waits, who asks again as it was told.
    fn locked_out(&mut self) -> Tick {
        let begin = self.now;
        loop {
            let Some(retry) = self.check(1).retry_after() else {
                return self.now - begin;
            };
            self.now += retry.as_micros() as Tick;
        }
    }
}

/// After a step back by a day, a key that was in use passes as soon as one that is
/// out of its budget.
fn is_bounded<R: Scripted>(rule: R, used: Cost, most: Tick) {
    for back in [MINUTE * 5, DAY, 300 * DAY] {
        let mut bucket = Stepped::new(rule.clone());
        assert!((0..used).all(|_| bucket.check(1).is_admitted()));
        bucket.now -= back;
        let left = bucket.check(0).remaining();
        assert!(
            left <= rule.quota().amount() - used,
            "{rule:?}: {left} are left"
        );
        let locked_out = bucket.locked_out();
        assert!(locked_out <= most, "{rule:?}: {locked_out} after {back}");
        // From then on it is a limit like any other.
        bucket.now += 4 * MINUTE;
        let size = bucket.check(0).limit();
        let admitted = (0..2 * size).filter(|_| bucket.check(1).is_admitted());
        assert_eq!(admitted.count() as Cost, size, "{rule:?}");
    }
}

#[test]
fn a_step_back_locks_clients_out_no_longer_than_an_empty_bucket() {
    let quota = Quota::per_minute(20);
    for used in [1, 20] {
        is_bounded(TokenBucket::new(quota), used, MINUTE / 20);
        is_bounded(LeakyBucket::meter(quota), used, MINUTE / 20);
        is_bounded(LeakyBucket::new(quota), used, MINUTE / 20);
        is_bounded(FixedWindow::new(quota), used, MINUTE);
        is_bounded(SlidingWindow::new(quota), used, 2 * MINUTE);
        is_bounded(SlidingLog::new(quota), used, MINUTE);
    }
}

#[test]
fn debt_holds_through_a_step_back() {
    fn holds<R: Scripted>(rule: R) {
        let mut bucket = Stepped::new(rule);
        bucket.ask(Operation::Debit(60));
        bucket.now -= DAY;
        // 60 of 20 a minute: two minutes of debt, and then a token.
        assert_eq!(bucket.locked_out(), 2 * MINUTE + MINUTE / 20);
    }
    let quota = Quota::per_minute(20);
    holds(TokenBucket::new(quota));
    holds(LeakyBucket::meter(quota));
}

/// A reservation in the future is not a step back, and stays.
#[test]
fn bookings_are_told_from_a_step_back() {
    fn stay<R: Scripted>(rule: R) {
        let mut bucket = Stepped::new(rule.clone());
        let booked = Operation::Reserve(200, 1, 1 << 40);
        assert_eq!(bucket.ask(booked).0, 200, "{rule:?}");
        let minutes = (0..12).map(|_| {
            let passed = (0..20).filter(|_| bucket.check(1).is_admitted()).count();
            bucket.now += MINUTE;
            passed
        });
        let passed: Vec<_> = minutes.collect();
        assert!(
            passed[..8].iter().all(|passed| *passed == 0),
            "{rule:?}: {passed:?}"
        );
        assert!(passed[11] > 0, "{rule:?}: {passed:?}");
    }
    let quota = Quota::per_minute(20);
    stay(TokenBucket::new(quota));
    stay(LeakyBucket::meter(quota));
    stay(FixedWindow::new(quota));
    stay(SlidingWindow::new(quota));
    stay(SlidingLog::new(quota));
}

/// As when two servers fail over to one another, again and again.
#[test]
fn small_steps_back_and_forth_around_a_turn_let_nothing_more_pass() {
    fn passed<R: Scripted>(rule: R) -> usize {
        let mut bucket = Stepped::new(rule);
        let turn = bucket.now - bucket.now % MINUTE;
        let instants = [turn, turn + 5, turn - 9, turn + 7].into_iter().cycle();
        let passed = instants.take(200).filter(|now| {
            bucket.now = *now;
            bucket.check(1).is_admitted()
        });
        passed.count()
    }
    let quota = Quota::per_minute(20);
    assert_eq!(passed(FixedWindow::new(quota)), 20);
    assert_eq!(passed(SlidingWindow::new(quota)), 20);
    assert_eq!(passed(SlidingLog::new(quota)), 20);
}

#[test]
fn another_quota_bounds_a_step_back_by_the_one_that_was_kept() {
    let mut bucket = Stepped::new(TokenBucket::new(Quota::per_minute(20)));
    assert!(bucket.check(10).is_admitted());
    bucket.now -= DAY;
    bucket.rule = TokenBucket::new(Quota::new(20, Duration::from_secs(120)).unwrap());
    // Empty, and a token in six seconds.
    assert_eq!(bucket.locked_out(), MINUTE / 10);
}
