//! The keys of the scripts on a server: how long they live, and under a changed
//! quota.

use std::time::Duration;

use redis::{Connection, Value};
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FixedWindow, LeakyBucket, Quota, Rule, Scripted, SlidingLog, SlidingWindow,
        TokenBucket,
        testing::{LuaRule, Operation, ReplyReader, batch, terms},
    },
};

use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;

const SECOND: Tick = 1_000_000;

/// A client that says what it wants of one bucket.
struct Bucket {
    client: Connection,
    _server: Server,
}

impl Bucket {
    const KEY: &str = "bucket";

    fn new() -> Self {
        let server = Server::start();
        Self {
            client: server.client(),
            _server: server,
        }
    }

    fn ask_all<R: Scripted>(
        &mut self,
        rule: &R,
        now: Option<Tick>,
        entries: &[(&[u8], Operation)],
    ) -> (Tick, Vec<(u64, R::State)>) {
        let call = R::script().call_with_source(&batch::<R>(
            &terms(rule),
            now,
            None,
            entries.iter().copied(),
        ));
        let reply: Vec<Value> = call.query(&mut self.client).unwrap();
        let mut reply = ReplyReader::of(&reply);
        let now = reply.take().unwrap();
        let answers = entries
            .iter()
            .map(|(_, entry)| entry.read(rule, now, &mut reply).unwrap())
            .collect();
        assert_eq!(reply.take(), None);
        (now, answers)
    }

    fn ask<R: Scripted>(&mut self, rule: &R, now: Tick, entry: Operation) -> u64 {
        self.ask_all(rule, Some(now), &[(Self::KEY.as_bytes(), entry)])
            .1[0]
            .0
    }

    /// Returns the remaining quota, without a change.
    fn left<R: Scripted>(&mut self, rule: &R, now: Tick) -> Cost {
        let peek = (Self::KEY.as_bytes(), Operation::Check(0));
        let (_, mut answers) = self.ask_all(rule, Some(now), &[peek]);
        rule.decide(&mut answers[0].1, now, 0).remaining()
    }

    fn limit<R: Scripted>(&self, rule: &R) -> Cost {
        rule.decide(&mut R::State::default(), NOW, 0).limit()
    }

    fn run<T: redis::FromRedisValue>(&mut self, command: &[&str]) -> T {
        let mut call = redis::cmd(command[0]);
        call.arg(&command[1..]).query(&mut self.client).unwrap()
    }
}

fn expires<R: Scripted>(rule: R, entry: Operation) {
    let mut bucket = Bucket::new();
    let (now, answers) = bucket.ask_all(&rule, None, &[(Bucket::KEY.as_bytes(), entry)]);
    let (count, mut state) = answers.into_iter().next().unwrap();
    match entry {
        Operation::Debit(cost) => rule.debit(&mut state, now, cost),
        Operation::Reserve(..) => (0..count).for_each(|_| {
            entry.replay(&rule, &mut state, now);
        }),
        _ => assert!(entry.replay(&rule, &mut state, now).1.is_admitted()),
    }
    let dies = now + rule.life(&state, now);
    let expires: Tick = bucket.run(&["PEXPIRETIME", Bucket::KEY]);
    // A key is there until its millisecond is over. The server may be held up
    // between its clock and the write, but hardly for a minute.
    assert!((expires + 1) * 1_000 > dies, "{rule:?} lives on");
    assert!(expires * 1_000 <= dies + 60 * SECOND, "{rule:?} is dead");
}

#[test]
fn every_state_expires_when_its_life_is_over() {
    let quota = Quota::new(7, Duration::from_secs(3_600)).unwrap().burst(3);
    for entry in [
        Operation::Check(2),
        Operation::Debit(9),
        Operation::Reserve(9, 1, 1 << 40),
        Operation::UpTo(99),
    ] {
        expires(TokenBucket::new(quota), entry);
        expires(LeakyBucket::new(quota), entry);
        expires(LeakyBucket::meter(quota), entry);
        expires(FixedWindow::new(quota), entry);
        expires(SlidingWindow::new(quota), entry);
        expires(SlidingLog::new(quota), entry);
    }
}

#[test]
fn a_bucket_equal_to_a_new_one_is_not_stored() {
    fn forgets<R: Scripted>(rule: R) {
        let mut bucket = Bucket::new();
        for entry in [
            Operation::Check(2),
            Operation::Credit(5),
            Operation::Check(1),
            Operation::Reset,
        ] {
            bucket.ask(&rule, NOW, entry);
        }
        assert_eq!(bucket.run::<u64>(&["EXISTS", Bucket::KEY]), 0, "{rule:?}");
        for entry in [
            Operation::Check(0),
            Operation::UpTo(0),
            Operation::Reserve(3, 0, 9),
            Operation::Check(99),
        ] {
            bucket.ask(&rule, NOW, entry);
        }
        assert_eq!(bucket.run::<u64>(&["EXISTS", Bucket::KEY]), 0, "{rule:?}");
    }
    let quota = Quota::per_second(3);
    forgets(TokenBucket::new(quota));
    forgets(LeakyBucket::new(quota));
    forgets(FixedWindow::new(quota));
    forgets(SlidingWindow::new(quota));
    forgets(SlidingLog::new(quota));
}

#[test]
fn a_bucket_keeps_its_tokens_under_another_quota() {
    let mut bucket = Bucket::new();
    let hourly = TokenBucket::new(Quota::per_hour(10).burst(10));
    let third = TokenBucket::new(Quota::per_second(3).burst(20));
    let small = TokenBucket::new(Quota::per_minute(7).burst(2));
    assert_eq!(bucket.ask(&hourly, NOW, Operation::Check(5)), 1);
    assert_eq!(bucket.left(&hourly, NOW), 5);
    assert_eq!(bucket.left(&third, NOW), 5);
    assert_eq!(bucket.left(&small, NOW), 2);
    // Half a token stays half a token, less what is rounded down.
    assert_eq!(bucket.left(&hourly, NOW + 180 * SECOND), 5);
    assert_eq!(
        bucket.ask(&third, NOW + 180 * SECOND, Operation::Check(5)),
        1
    );
    assert_eq!(bucket.left(&third, NOW + 180 * SECOND + 166_668), 1);
    assert_eq!(bucket.left(&third, NOW + 182 * SECOND), 6);
}

#[test]
fn debt_stays_debt_under_another_quota() {
    let mut bucket = Bucket::new();
    let one = TokenBucket::new(Quota::per_second(10).burst(4));
    let other = TokenBucket::new(Quota::per_second(1).burst(2));
    bucket.ask(&one, NOW, Operation::Debit(7));
    assert_eq!(bucket.ask(&other, NOW, Operation::Check(1)), 0);
    assert_eq!(bucket.left(&other, NOW + 4 * SECOND - 1), 0);
    assert_eq!(bucket.left(&other, NOW + 4 * SECOND), 1);
}

/// And what is beyond it is forgotten, in Redis as in process.
#[test]
fn debt_is_remembered_as_far_as_the_rule_tells() {
    fn remembers<R: Scripted>(rule: R) {
        let mut bucket = Bucket::new();
        let (limit, most) = (bucket.limit(&rule), rule.max_debit());
        let mut state = R::State::default();
        for beyond in [0, 7_498_014] {
            bucket.ask(&rule, NOW, Operation::Reset);
            bucket.ask(&rule, NOW, Operation::Debit(most + beyond));
            bucket.ask(&rule, NOW, Operation::Credit(most - limit));
            assert_eq!(bucket.left(&rule, NOW), 0, "{rule:?}");
            bucket.ask(&rule, NOW, Operation::Credit(1));
            rule.debit(&mut state, NOW, most + beyond);
            rule.credit(&mut state, NOW, most - limit + 1);
            let left = rule.decide(&mut state, NOW, 0).remaining();
            assert!(left <= 1 && bucket.left(&rule, NOW) == left, "{rule:?}");
            state = R::State::default();
        }
    }
    let quota = Quota::per_hour(1_000_003);
    assert_eq!(TokenBucket::new(quota).max_debit(), 2_501_999);
    remembers(TokenBucket::new(quota));
    remembers(LeakyBucket::meter(quota));
    remembers(LeakyBucket::new(quota));
    remembers(FixedWindow::new(quota));
    remembers(SlidingWindow::new(quota));
    remembers(SlidingLog::new(Quota::per_hour(1_003)));
}

/// Or else who is denied would wait as long as the other quota says.
#[test]
fn a_denial_by_another_quota_goes_by_that_from_then_on() {
    fn recovers<R: Scripted>(slow: R, fast: R) {
        let mut bucket = Bucket::new();
        assert_eq!(bucket.ask(&slow, NOW, Operation::Check(10)), 1);
        let denied = (Bucket::KEY.as_bytes(), Operation::Check(1));
        let (_, mut answers) = bucket.ask_all(&fast, Some(NOW), &[denied]);
        let decision = fast.decide(&mut answers[0].1, NOW, 1);
        let retry = decision.retry_after().expect("it is empty").as_micros() as Tick;
        assert!(retry <= 2 * SECOND);
        assert_eq!(bucket.ask(&fast, NOW + retry - 1, Operation::Check(1)), 0);
        assert_eq!(bucket.ask(&fast, NOW + retry, Operation::Check(1)), 1);
    }
    let (slow, fast) = (Quota::per_day(10), Quota::per_second(10));
    recovers(TokenBucket::new(slow), TokenBucket::new(fast));
    recovers(LeakyBucket::meter(slow), LeakyBucket::meter(fast));
    recovers(FixedWindow::new(slow), FixedWindow::new(fast));
    recovers(SlidingWindow::new(slow), SlidingWindow::new(fast));
}

#[test]
fn windows_keep_their_counts_under_another_limit() {
    let mut bucket = Bucket::new();
    let ten = SlidingWindow::new(Quota::per_second(10));
    let four = SlidingWindow::new(Quota::per_second(4));
    bucket.ask(&ten, NOW, Operation::Check(6));
    assert_eq!(bucket.left(&four, NOW), 0);
    assert_eq!(bucket.left(&four, NOW + SECOND + SECOND / 2), 1);
    assert_eq!(bucket.left(&ten, NOW + SECOND + SECOND / 2), 7);
}

#[test]
fn windows_of_another_width_keep_their_count() {
    let mut bucket = Bucket::new();
    let second = SlidingWindow::new(Quota::per_second(10));
    let minute = SlidingWindow::new(Quota::per_minute(10));
    bucket.ask(&second, NOW, Operation::Check(9));
    // Half of 9 is still used: rounded up, 5.
    assert_eq!(bucket.left(&minute, NOW + SECOND + SECOND / 2), 5);
    let fixed = FixedWindow::new(Quota::per_minute(10));
    bucket.ask(&fixed, NOW, Operation::Reset);
    bucket.ask(&fixed, NOW, Operation::Check(9));
    assert_eq!(
        bucket.left(&FixedWindow::new(Quota::per_second(10)), NOW),
        1
    );
}

#[test]
fn a_log_reads_its_entries_by_the_window_of_the_day() {
    let mut bucket = Bucket::new();
    let second = SlidingLog::new(Quota::per_second(4));
    let minute = SlidingLog::new(Quota::per_minute(4));
    bucket.ask(&minute, NOW, Operation::Check(2));
    bucket.ask(&minute, NOW + SECOND, Operation::Check(1));
    assert_eq!(bucket.left(&second, NOW + SECOND), 3);
    assert_eq!(bucket.left(&minute, NOW + SECOND), 1);
}

#[test]
fn keys_are_bytes() {
    let mut bucket = Bucket::new();
    let rule = TokenBucket::new(Quota::per_day(2));
    let keys: [&[u8]; 4] = [b"a\0b", b"a\0c", b"\xff\xfe\r\n", b""];
    let twice = keys.map(|key| (key, Operation::Check(2)));
    for admitted in [1, 0] {
        let (_, answers) = bucket.ask_all(&rule, None, &twice);
        assert!(answers.iter().all(|(count, _)| *count == admitted));
    }
    assert_eq!(bucket.run::<u64>(&["DBSIZE"]), 4);
}

#[test]
fn entries_are_worked_off_in_their_order() {
    let mut bucket = Bucket::new();
    let rule = SlidingLog::new(Quota::per_second(3));
    let key = Bucket::KEY.as_bytes();
    let entries = [
        Operation::Reserve(5, 1, 0),
        Operation::Check(1),
        Operation::Credit(2),
        Operation::UpTo(9),
        Operation::Reset,
        Operation::Check(3),
    ];
    let (_, answers) = bucket.ask_all(&rule, None, &entries.map(|entry| (key, entry)));
    let counts: Vec<_> = answers.iter().map(|(count, _)| *count).collect();
    assert_eq!(counts, [3, 0, 1, 2, 1, 1]);
}

/// A full log of single costs, of which little must be read and told.
#[test]
fn a_full_log_is_neither_read_nor_returned_as_a_whole() {
    let mut bucket = Bucket::new();
    let rule = SlidingLog::new(Quota::per_day(5_000));
    for ones in 0..5_000 {
        assert_eq!(bucket.ask(&rule, NOW + ones, Operation::Check(1)), 1);
    }
    let reads = |bucket: &mut Bucket| {
        let info: String = bucket.run(&["INFO", "commandstats"]);
        let calls = info.split("cmdstat_lindex:calls=").nth(1).unwrap();
        calls.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let before = reads(&mut bucket);
    let entries = [(Bucket::KEY.as_bytes(), Operation::Check(2_500))];
    let call = batch::<SlidingLog>(&terms(&rule), Some(NOW + 5_000), None, entries.into_iter());
    let call = SlidingLog::script().call_with_source(&call);
    let reply: Vec<Value> = call.query(&mut bucket.client).unwrap();
    assert!(reply.len() <= 10, "{reply:?}");
    assert!(reads(&mut bucket) - before < 40);
}
