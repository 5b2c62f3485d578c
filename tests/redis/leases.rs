//! Shares that are taken ahead of need: never more than without them.

mod processes;

use std::time::Duration;

use futures_util::future::join_all;
use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FailClosed, FixedWindow, LeakyBucket, Quota, Redis, RedisCounts, Scripted,
        SlidingLog, SlidingWindow, TokenBucket,
        testing::{Operation, ReplyReader, batch, terms},
    },
    redis::Connection,
};

use crate::{dice::Dice, server::Server};

const SECOND: Tick = 1_000_000;

/// A process that holds a share, as far as the script knows it.
#[derive(Clone, Copy, Default)]
struct Holder {
    left: Cost,
    spent: Cost,
    term: u64,
    ends: Tick,
}

/// A bucket on a server, under a clock that the test sets, and what passed when.
struct Fleet<R> {
    rule: R,
    server: redis::Connection,
    now: Tick,
    holders: [Holder; 3],
    passed: Vec<(Tick, Cost)>,
    dice: Dice,
    _server: Server,
}

impl<R: Scripted> Fleet<R> {
    fn new(rule: R, seed: u64) -> Self {
        let server = Server::start();
        Self {
            rule,
            server: server.client(),
            now: 1_700_000_000 * SECOND,
            holders: Default::default(),
            passed: Vec::new(),
            dice: Dice(seed),
            _server: server,
        }
    }

    /// A random number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.dice.upto(end - 1)
    }

    fn call(&mut self, entry: Operation) -> Vec<Value> {
        let entries = [(b"bucket".as_slice(), entry)].into_iter();
        let call = batch::<R>(&terms(&self.rule), Some(self.now), None, entries);
        let call = R::script().call_with_source(&call);
        call.query(&mut self.server).unwrap()
    }

    fn lease(&mut self, holder: usize, want: Cost) -> Cost {
        let Holder { spent, term, .. } = self.holders[holder];
        let entry = Operation::Lease(want, spent, term);
        let reply = self.call(entry);
        let mut numbers = ReplyReader::of(&reply);
        let now = numbers.take().unwrap();
        let (granted, _) = entry.read(&self.rule, now, &mut numbers).unwrap();
        let (term, ends) = (numbers.take().unwrap(), numbers.take().unwrap());
        let holder = &mut self.holders[holder];
        if holder.term != term {
            holder.left = 0;
        }
        (holder.spent, holder.term, holder.ends) = (0, term, ends);
        holder.left += granted;
        granted
    }

    fn give_back(&mut self, holder: usize) {
        let Holder {
            left, spent, term, ..
        } = std::mem::take(&mut self.holders[holder]);
        self.call(Operation::Return(left, spent, term));
    }

    fn spend(&mut self, holder: usize, cost: Cost) {
        let holder = &mut self.holders[holder];
        if cost <= holder.left && self.now < holder.ends {
            holder.left -= cost;
            holder.spent += cost;
            self.passed.push((self.now, cost));
        }
    }

    fn check(&mut self, cost: Cost) {
        let reply = self.call(Operation::Check(cost));
        if ReplyReader::of(&reply[1..]).take() == Some(1) {
            self.passed.push((self.now, cost));
        }
    }

    /// Takes all that can be had at once, from everywhere.
    fn rush(&mut self, most: Cost) {
        for holder in 0..self.holders.len() {
            self.spend(holder, self.holders[holder].left);
        }
        let mut cost = most;
        while cost > 0 {
            self.check(cost);
            cost /= 2;
        }
    }

    /// Leases, spends, asks and gives back by chance; and holders crash.
    fn run(mut self, steps: u64, most: Cost) -> Vec<(Tick, Cost)> {
        for _ in 0..steps {
            let (holder, cost) = (self.below(3) as usize, 1 + self.below(most / 4));
            match self.below(24) {
                0..6 => drop(self.lease(holder, 1 + cost * 4)),
                6..14 => self.spend(holder, cost),
                14..18 => self.check(cost),
                18..20 => self.give_back(holder),
                20..23 => self.rush(most),
                _ => self.holders[holder] = Holder::default(),
            }
            self.now += match self.below(10) {
                0..5 => 0,
                5..7 => self.below(20_000),
                7..9 => self.below(200_000),
                _ => self.below(2 * SECOND),
            };
        }
        self.passed
    }
}

/// In no span more than a burst and what comes in it.
fn keeps_the_bucket(passed: &[(Tick, Cost)], rate: u64, burst: Cost) {
    for (first, (begin, _)) in passed.iter().enumerate() {
        let mut sum = 0;
        for (end, cost) in &passed[first..] {
            sum += cost;
            let comes = (end - begin) * rate / SECOND;
            assert!(sum <= burst + comes, "{sum} from {begin} to {end}");
        }
    }
}

#[test]
fn a_leased_bucket_never_passes_more_than_it_holds() {
    let quota = Quota::per_second(500).burst(60);
    for seed in 1..=3 {
        let passed = Fleet::new(TokenBucket::new(quota), seed).run(1_200, 60);
        assert!(passed.len() > 200);
        keeps_the_bucket(&passed, 500, 60);
        let passed = Fleet::new(LeakyBucket::meter(quota), seed).run(1_200, 60);
        keeps_the_bucket(&passed, 500, 60);
    }
}

#[test]
fn a_leased_window_never_passes_more_than_its_limit() {
    let quota = Quota::new(80, Duration::from_millis(300)).unwrap();
    let width = 300_000;
    for seed in 1..=3 {
        let passed = Fleet::new(FixedWindow::new(quota), seed).run(1_200, 80);
        assert!(passed.len() > 200);
        for chunk in passed.chunk_by(|a, b| a.0 / width == b.0 / width) {
            assert!(chunk.iter().map(|(_, cost)| cost).sum::<Cost>() <= 80);
        }
        let passed = Fleet::new(SlidingWindow::new(quota), seed).run(1_200, 80);
        assert!(passed.len() > 200);
        let mut counts = std::collections::HashMap::<u64, u64>::new();
        for (at, cost) in passed {
            let (index, elapsed) = (at / width, at % width);
            let before = counts.get(&(index - 1)).copied().unwrap_or(0);
            let current = counts.entry(index).or_default();
            *current += cost;
            assert!(before * (width - elapsed) + *current * width <= 80 * width);
        }
    }
}

#[test]
fn a_share_is_unavailable_to_others_until_its_term_ends() {
    let rule = TokenBucket::new(Quota::per_second(100).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    // A share is half of the rest, however much is wanted.
    assert_eq!(fleet.lease(0, 1_000), 50);
    assert_eq!(fleet.lease(1, 1_000), 25);
    // Idle for most of the term, it has filled up, but for what is out.
    fleet.now += 900_000;
    fleet.check(26);
    assert!(fleet.passed.is_empty());
    fleet.check(25);
    assert_eq!(fleet.passed.len(), 1);
    // The first gives back, the second has crashed.
    fleet.give_back(0);
    fleet.check(50);
    assert_eq!(fleet.passed.len(), 2);
    fleet.now += 1_000_000;
    fleet.check(100);
    assert_eq!(fleet.passed.len(), 3);
}

#[test]
fn a_share_counts_as_spent_when_its_term_ends() {
    fn keeps<R: Scripted>(rule: R) {
        let mut fleet = Fleet::new(rule, 1);
        assert_eq!(fleet.lease(0, 500), 500);
        // The last instant of the term, at which the bucket is whole again.
        fleet.now += SECOND - 1;
        fleet.spend(0, 500);
        fleet.now += 1;
        fleet.check(501);
        fleet.check(500);
        // Another half a second for what was spent a tick ago.
        fleet.now += SECOND / 2;
        fleet.check(501);
        fleet.check(500);
        assert_eq!(fleet.passed.len(), 3);
        keeps_the_bucket(&fleet.passed, 1_000, 1_000);
    }
    keeps(TokenBucket::new(Quota::per_second(1_000)));
    keeps(LeakyBucket::meter(Quota::per_second(1_000)));
}

#[test]
fn a_share_is_remembered_until_it_is_returned() {
    let rule = TokenBucket::new(Quota::per_minute(60));
    let mut fleet = Fleet::new(rule, 1);
    fleet.now += SECOND - 2;
    assert_eq!(fleet.lease(0, 30), 30);
    fleet.call(Operation::Reset);
    // It is out for two microseconds, and takes 30 seconds to come in.
    let left: u64 = redis::cmd("PTTL")
        .arg("bucket")
        .query(&mut fleet.server)
        .unwrap();
    assert!(left > 3_600_000 + 29_000, "{left}");
}

#[test]
fn no_more_comes_back_than_is_out() {
    fn keeps<R: Scripted>(rule: R) {
        let mut fleet = Fleet::new(rule, 1);
        assert_eq!(fleet.lease(0, 10), 10);
        fleet.check(90);
        // A holder whose share the server has lost, of the same term.
        let Holder { term, .. } = fleet.holders[0];
        fleet.call(Operation::Return(40, 0, term));
        fleet.check(11);
        assert_eq!(fleet.passed.len(), 1);
        fleet.check(10);
        assert_eq!(fleet.passed.len(), 2);
    }
    keeps(TokenBucket::new(Quota::per_hour(100)));
    keeps(FixedWindow::new(Quota::per_hour(100)));
    keeps(SlidingWindow::new(Quota::per_hour(100)));
}

#[test]
fn nothing_goes_out_until_a_clock_that_stepped_back_has_caught_up() {
    let rule = TokenBucket::new(Quota::per_second(100).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    assert_eq!(fleet.lease(0, 10), 10);
    fleet.now -= 10_000;
    assert_eq!(fleet.lease(1, 10), 0);
    fleet.now += 10_000;
    assert_eq!(fleet.lease(1, 10), 10);
}

#[test]
fn a_far_step_back_keeps_leased_shares_out() {
    let rule = TokenBucket::new(Quota::per_second(100).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    assert_eq!(fleet.lease(0, 1_000), 50);
    fleet.now -= 10 * SECOND;
    fleet.call(Operation::Reset);
    fleet.check(51);
    assert!(fleet.passed.is_empty());
    fleet.check(50);
    assert_eq!(fleet.passed.len(), 1);
}

#[test]
fn no_place_is_booked_in_a_leased_share() {
    let rule = TokenBucket::new(Quota::per_second(100).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    assert_eq!(fleet.lease(0, 1_000), 50);
    // In half a second there is room for 100, but the share may be spent until
    // its term ends.
    let reply = fleet.call(Operation::Reserve(1, 100, SECOND / 2));
    assert_eq!(ReplyReader::of(&reply[1..]).take(), Some(0));
    // There is room for these as soon as a quarter of a second has gone by.
    fleet.check(50);
    let reply = fleet.call(Operation::Reserve(1, 25, SECOND / 4));
    assert_eq!(ReplyReader::of(&reply[1..]).take(), Some(1));
}

#[test]
fn a_share_outlives_the_windows_of_a_shorter_period() {
    fn keeps<R: Scripted>(long: R, short: R) {
        let mut fleet = Fleet::new(long, 1);
        assert_eq!(fleet.lease(0, 50), 50);
        fleet.rule = short;
        fleet.check(50);
        // Windows of the new period pass, and the share may be spent in each.
        for _ in 0..4 {
            fleet.now += 2 * SECOND;
            fleet.check(51);
            fleet.check(50);
        }
        assert_eq!(fleet.passed.len(), 5);
        // The term of the share is over with its own window.
        fleet.now += 60 * SECOND;
        fleet.check(100);
        assert_eq!(fleet.passed.len(), 6);
    }
    let (long, short) = (Quota::per_minute(100), Quota::per_second(100));
    keeps(FixedWindow::new(long), FixedWindow::new(short));
}

#[test]
fn another_quota_keeps_leased_shares_out() {
    let rule = TokenBucket::new(Quota::per_second(600).burst(600));
    let mut fleet = Fleet::new(rule, 1);
    assert_eq!(fleet.lease(0, 300), 300);
    // The bucket is whole but for what is out: 300 are left, under any quota.
    fleet.now += SECOND / 2;
    fleet.rule = TokenBucket::new(Quota::per_hour(1_200).burst(1_200));
    fleet.check(301);
    assert!(fleet.passed.is_empty());
    fleet.check(300);
    assert_eq!(fleet.passed.len(), 1);
}

#[test]
fn a_bucket_that_is_full_but_leased_is_not_forgotten() {
    let rule = TokenBucket::new(Quota::per_second(1_000_000).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    fleet.lease(0, 40);
    let left: u64 = redis::cmd("PTTL")
        .arg("bucket")
        .query(&mut fleet.server)
        .unwrap();
    // Its term's second, and the hour that is added where a test sets the clock.
    assert!(left > 3_600_000 + 900, "{left}");
    fleet.call(Operation::Reset);
    fleet.now += 1_000;
    fleet.check(61);
    assert!(fleet.passed.is_empty());
    fleet.check(60);
    assert_eq!(fleet.passed.len(), 1);
}

#[test]
fn a_reset_window_keeps_leased_shares_out() {
    let mut fleet = Fleet::new(FixedWindow::new(Quota::per_day(100)), 1);
    assert_eq!(fleet.lease(0, 40), 40);
    fleet.call(Operation::Reset);
    fleet.call(Operation::Credit(1_000));
    fleet.check(61);
    assert!(fleet.passed.is_empty());
    fleet.check(60);
    assert_eq!(fleet.passed.len(), 1);
    // Exactly the leased amount comes back.
    fleet.give_back(0);
    fleet.holders[1].left = 30;
    fleet.give_back(1);
    fleet.check(41);
    assert_eq!(fleet.passed.len(), 1);
    fleet.check(40);
    assert_eq!(fleet.passed.len(), 2);
}

#[test]
fn a_step_back_of_the_servers_clock_keeps_leased_shares_out() {
    let rule = TokenBucket::new(Quota::per_second(100).burst(100));
    let mut fleet = Fleet::new(rule, 1);
    fleet.now += 5_000;
    assert_eq!(fleet.lease(0, 1_000), 50);
    fleet.now -= 10_000;
    fleet.check(1);
    // A share can be spent for most of a second after it was leased.
    fleet.now += 905_000;
    fleet.check(51);
    assert_eq!(fleet.passed.len(), 1);
    fleet.check(50);
    assert_eq!(fleet.passed.len(), 2);
}

async fn limiter<R: Scripted>(server: &Server, rule: R, share: Cost) -> Redis<R, FailClosed> {
    // A share whose grant comes too late is out until its window ends.
    let connection = Connection::builder(server.url()).timeout(Duration::from_secs(20));
    let connection = connection.connect().await.unwrap();
    let limiter = Redis::builder("hot", rule, &connection);
    limiter.lease(share).build(FailClosed)
}

async fn ask<R: Scripted>(limiter: &Redis<R, FailClosed>, times: u64) -> u64 {
    let mut admitted = 0;
    for _ in 0..times {
        admitted += u64::from(limiter.check("k", 1).await.unwrap().is_admitted());
        // Other holders get their turn, and the one that renews the lease too.
        tokio::task::yield_now().await;
    }
    admitted
}

#[tokio::test]
async fn a_hot_key_is_spent_here_and_not_asked_for() {
    let server = Server::start();
    let rule = TokenBucket::new(Quota::per_hour(1_000_000));
    let limiter = limiter(&server, rule, 100_000).await;
    while limiter.counts().leased < 10_000 {
        assert_eq!(ask(&limiter, 1_000).await, 1_000);
    }
    let RedisCounts {
        leased, requests, ..
    } = limiter.counts();
    assert!(requests < leased / 10, "{:?}", limiter.counts());
}

#[tokio::test]
async fn leases_pass_the_whole_limit_and_not_one_more() {
    let server = Server::start();
    let rule = FixedWindow::new(Quota::per_day(20_000));
    let fleet = join_all((0..3).map(|_| limiter(&server, rule, 1_000))).await;
    let mut admitted = 0;
    // Shares that lie idle come back, so in the end nothing is left over.
    while admitted < 20_000 {
        let answers = join_all(fleet.iter().map(|limiter| ask(limiter, 100))).await;
        admitted += answers.iter().sum::<u64>();
    }
    assert_eq!(admitted, 20_000);
    let answers = join_all(fleet.iter().map(|limiter| ask(limiter, 100))).await;
    assert_eq!(answers, [0, 0, 0]);
    assert!(fleet.iter().all(|limiter| limiter.counts().leased > 0));
}

#[tokio::test]
async fn a_cold_key_is_not_leased() {
    let server = Server::start();
    let rule = TokenBucket::new(Quota::per_hour(1_000_000));
    let limiter = limiter(&server, rule, 100_000).await;
    for key in 0..200_u32 {
        limiter.check(&key, 1).await.unwrap();
    }
    assert_eq!(limiter.counts().leased, 0);
    assert_eq!(limiter.counts().requests, 200);
}

#[tokio::test]
#[should_panic(expected = "invalid rule to lease sliding log: must be a token bucket")]
async fn a_log_cannot_be_leased() {
    let server = Server::start();
    limiter(&server, SlidingLog::new(Quota::per_second(9)), 5).await;
}

#[tokio::test]
#[should_panic(expected = "invalid rule to lease leaky bucket: must be a token bucket")]
async fn a_queue_cannot_be_leased() {
    let server = Server::start();
    limiter(&server, LeakyBucket::new(Quota::per_second(9)), 5).await;
}

#[tokio::test]
async fn a_denial_does_not_hide_the_share_of_this_process() {
    let server = Server::start();
    let limiter = limiter(&server, FixedWindow::new(Quota::per_day(200)), 1_000).await;
    let mut admitted = 0;
    // Until the last token has come back from a share that lies idle.
    while admitted < 200 {
        let answers = join_all((0..100).map(|_| limiter.check("k", 1))).await;
        let passed = answers.iter().flatten().filter(|it| it.is_admitted());
        admitted += passed.count();
        tokio::task::yield_now().await;
    }
    assert_eq!(admitted, 200);
    assert_eq!(ask(&limiter, 50).await, 0);
}

#[tokio::test]
async fn a_cost_that_no_share_bears_makes_no_key_hot() {
    let server = Server::start();
    let limiter = limiter(&server, FixedWindow::new(Quota::per_day(1_000)), 100).await;
    assert!(limiter.check("k", u64::MAX).await.unwrap().is_denied());
    assert!(limiter.check("k", 101).await.unwrap().is_admitted());
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 899);
    assert_eq!(limiter.counts().requests, 3);
}
