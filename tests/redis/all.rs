//! `limit::All` over real servers: all limits are charged, or none.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use http::{Request, Response};
use redis::Value;
use sluicegate::{
    key,
    limit::{
        All, Backend, Check, Cost, Decision, FailClosed, FailOpen, FixedWindow, LeakyBucket,
        Limiter, Local, OrElse, Policy, Quota, RateLimitLayer, Redis, Scripted, SlidingLog,
        SlidingWindow, Tiers, TokenBucket, Verdict, Wait, Word,
        testing::{Operation, ReplyReader, batch, check_all, check_all_with_source, terms},
    },
    redis::{Connection, ErrorKind, Server as At},
};

use tower::{Layer, ServiceExt, service_fn};

use crate::{
    cluster::Cluster,
    connection::{builder, hasty, until},
    server::Server,
};

/// Slow enough that nothing comes back while a test runs.
fn hourly(amount: u64) -> Quota {
    Quota::per_hour(amount)
}

fn tokens(amount: u64) -> TokenBucket {
    TokenBucket::new(hourly(amount))
}

async fn connect(server: &Server) -> Connection {
    builder(server.url()).connect().await.expect("it is up")
}

fn closed<R: Scripted>(name: &str, rule: R, connection: &Connection) -> Redis<R, FailClosed> {
    Redis::new(name, rule, connection, FailClosed)
}

async fn left<R: Scripted, P: Policy>(limiter: &Redis<R, P>, key: &str) -> Cost {
    limiter.peek(key).await.unwrap().remaining()
}

#[tokio::test]
async fn limits_on_one_server_are_one_call() {
    let server = Server::start();
    let connection = connect(&server).await;
    let user = closed("user", tokens(9), &connection);
    let tenant = closed("tenant", SlidingWindow::new(hourly(20)), &connection);
    let log = closed("log", SlidingLog::new(hourly(30)), &connection);
    let meter = closed("meter", LeakyBucket::meter(hourly(7)), &connection);
    let all = All((user.clone(), tenant.clone(), log.clone(), meter.clone()));
    let key = ("ann", "acme", "ann", ());
    let before = connection.stats().calls;
    for remaining in (1..7).rev() {
        let decision = all.check(&key, 1).await.unwrap();
        assert_eq!((decision.limit(), decision.remaining()), (7, remaining));
        assert_eq!(&*all.limit_of(&key, &decision), "meter");
    }
    assert_eq!(connection.stats().calls - before, 6);
    assert_eq!(user.counts().requests, 6);
    assert_eq!(tenant.counts().calls, 6);
    assert_eq!(left(&user, "ann").await, 3);
    assert_eq!(left(&tenant, "acme").await, 14);
    assert_eq!(left(&log, "ann").await, 24);
    // If one limit refuses, no limit is charged.
    let denied = all.check(&key, 2).await.unwrap();
    assert!(denied.is_denied());
    assert_eq!(&*all.limit_of(&key, &denied), "meter");
    assert_eq!(left(&user, "ann").await, 3);
    assert_eq!(left(&log, "ann").await, 24);
}

/// The names and what is left, of each member of a list; `None` where it is not
/// told.
fn listed(response: &Response<String>, field: &str, parameter: &str) -> Vec<(String, u64)> {
    let line = response.headers()[field].to_str().unwrap();
    let members = line.split(", ").map(|member| {
        let (name, rest) = member.split_once("\";").unwrap();
        let value = rest.split(';').next().unwrap();
        let value = value.strip_prefix(parameter).unwrap().parse().unwrap();
        (name.trim_matches('"').to_owned(), value)
    });
    members.collect()
}

#[tokio::test]
async fn headers_tell_of_all_limits_that_were_asked() {
    let server = Server::start();
    let connection = connect(&server).await;
    let user = closed("user", tokens(9), &connection);
    let tenant = closed("tenant", tokens(2), &connection);
    let here = Local::builder(tokens(5)).name("here").keyed();
    let layer = RateLimitLayer::new(All((user, here, tenant)).one_key());
    let service = layer.key(key::header("user")).layer(service_fn(|_| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    }));
    let ask = async || {
        let request = Request::get("/").header("user", "ann").body(()).unwrap();
        service.clone().oneshot(request).await.unwrap()
    };
    let is = |name: &str, left| (name.to_owned(), left);
    let policies = [is("tenant", 2), is("user", 9), is("here", 5)];
    let admitted = ask().await;
    assert_eq!(listed(&admitted, "ratelimit-policy", "q="), policies);
    let left = [is("tenant", 1), is("user", 8), is("here", 4)];
    assert_eq!(listed(&admitted, "ratelimit", "r="), left);
    ask().await;
    // Denied by Redis, and then from memory: nothing is known of the user's.
    for _ in 0..2 {
        let refused = ask().await;
        assert_eq!(refused.status(), 429);
        assert_eq!(listed(&refused, "ratelimit-policy", "q="), policies);
        let left = [is("tenant", 0), is("here", 3)];
        assert_eq!(listed(&refused, "ratelimit", "r="), left);
    }
}

/// A blocked tier refuses for ever, before Redis is asked or anything charged.
#[tokio::test]
async fn a_blocked_tier_calls_no_other_limit() {
    let server = Server::start();
    let connection = connect(&server).await;
    let user = closed("user", tokens(9), &connection);
    let plan = closed("plan", tokens(5), &connection);
    let queue = closed("queue", LeakyBucket::new(hourly(5)), &connection);
    let tiers = Tiers::new(plan.clone()).blocked("closed");
    let all = All((queue.clone(), user.clone(), tiers));
    let key = |tier| ("ann", "ann", (tier, "ann"));
    assert!(all.check(&key("open"), 2).await.unwrap().is_admitted());
    let calls = connection.stats().calls;
    for cost in [0, 1, 5] {
        let blocked = key("closed");
        let denied = all.check(&blocked, cost).now_or_never().unwrap().unwrap();
        let patient = all.until_ready(&blocked, cost, Wait::none());
        let waited = patient.now_or_never().unwrap().unwrap();
        for decision in [denied, waited] {
            assert!(decision.is_denied() && decision.retry_after().is_none());
            assert_eq!((decision.limit(), decision.remaining()), (0, 0));
            assert_eq!(&*all.limit_of(&blocked, &decision), "blocked");
        }
    }
    assert_eq!(connection.stats().calls, calls);
    assert_eq!((left(&user, "ann").await, left(&plan, "ann").await), (7, 3));
    // Also where one of them denies, from Redis or from memory.
    let all = All((user.clone(), Tiers::new(plan).blocked("closed")));
    let key = |tier| ("ann", (tier, "ann"));
    for _ in 0..2 {
        assert!(all.check(&key("open"), 8).await.unwrap().is_denied());
        let denied = all.check(&key("closed"), 8).await.unwrap();
        assert_eq!(&*all.limit_of(&key("closed"), &denied), "blocked");
        assert_eq!(denied.retry_after(), None);
    }
    assert_eq!(left(&user, "ann").await, 7);
}

#[tokio::test]
async fn a_refusal_of_one_call_is_that_of_the_longest_wait() {
    let server = Server::start();
    let connection = connect(&server).await;
    let soon = closed("soon", TokenBucket::new(Quota::per_minute(1)), &connection);
    let late = closed("late", TokenBucket::new(Quota::per_day(1)), &connection);
    let later = closed("last", TokenBucket::new(Quota::per_hour(1)), &connection);
    let all = All((soon, late, later));
    let key = ("k", "k", "k");
    assert!(all.check(&key, 1).await.unwrap().is_admitted());
    for _ in 0..2 {
        let denied = all.check(&key, 1).await.unwrap();
        assert_eq!(&*all.limit_of(&key, &denied), "late");
        assert!(denied.retry_after().unwrap() > Duration::from_secs(23 * 3_600));
    }
}

/// Asks from many tasks at once, and answers how much passed.
async fn hammer<L>(all: &L, keys: [&'static str; 2], cost: Cost, tries: usize) -> Cost
where
    L: Limiter<(&'static str, &'static str), Future: Send + Unpin, Error: Send + std::fmt::Debug>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let tasks = (0..tries).map(|_| {
        let all = all.clone();
        tokio::spawn(async move { all.check(&(keys[0], keys[1]), cost).await })
    });
    let answers = join_all(tasks.collect::<Vec<_>>()).await;
    let passed = answers.into_iter().map(|it| it.unwrap().unwrap());
    passed.filter(Decision::is_admitted).count() as Cost * cost
}

/// Nothing leaks: each limit was charged for what passed, and what is left of
/// the tightest can still be had.
async fn nothing_leaks<A, B>(
    one: Redis<A, FailClosed>,
    other: Redis<B, FailClosed>,
    most: [Cost; 2],
) where
    A: Scripted,
    B: Scripted,
{
    let all = All((one.clone(), other.clone()));
    let mut passed = hammer(&all, ["ann", "acme"], 2, 60).await;
    passed += hammer(&all, ["ann", "acme"], 3, 60).await;
    assert!(passed > 0);
    assert_eq!(left(&one, "ann").await, most[0] - passed);
    assert_eq!(left(&other, "acme").await, most[1] - passed);
    let tightest = most[0].min(most[1]);
    while passed < tightest {
        let decision = all.check(&("ann", "acme"), 1).await.unwrap();
        assert!(decision.is_admitted(), "{passed} of {tightest}");
        passed += 1;
    }
    assert!(all.check(&("ann", "acme"), 1).await.unwrap().is_denied());
    assert_eq!(left(&one, "ann").await, most[0] - passed);
    assert_eq!(left(&other, "acme").await, most[1] - passed);
}

#[tokio::test]
async fn nothing_leaks_on_one_connection() {
    let server = Server::start();
    let connection = connect(&server).await;
    let one = closed("one", tokens(100), &connection);
    let other = closed("other", SlidingWindow::new(hourly(81)), &connection);
    nothing_leaks(one, other, [100, 81]).await;
}

#[tokio::test]
async fn nothing_leaks_on_two_connections() {
    let (server, elsewhere) = (Server::start(), Server::start());
    let (here, there) = (connect(&server).await, connect(&elsewhere).await);
    let one = closed("one", tokens(100), &here);
    let other = closed("other", SlidingLog::new(hourly(81)), &there);
    nothing_leaks(one, other, [100, 81]).await;
    let one = closed("first", SlidingLog::new(hourly(100)), &here);
    let other = closed("second", tokens(81), &there);
    nothing_leaks(one, other, [100, 81]).await;
    let one = closed("window", SlidingWindow::new(hourly(100)), &here);
    let other = closed("meter", LeakyBucket::meter(hourly(81)), &there);
    nothing_leaks(one, other, [100, 81]).await;
    let one = closed("fixed", FixedWindow::new(Quota::per_day(100)), &there);
    let other = closed("meter", LeakyBucket::meter(hourly(81)), &here);
    nothing_leaks(one, other, [100, 81]).await;
}

#[tokio::test]
async fn nothing_leaks_in_a_cluster() {
    let cluster = Cluster::start();
    let connection = builder(At::cluster(cluster.urls()));
    let connection = connection.connect().await.unwrap();
    let one = closed("one", tokens(100), &connection);
    let other = closed("other", tokens(81), &connection);
    nothing_leaks(one, other, [100, 81]).await;
}

#[tokio::test]
async fn limits_here_are_asked_before_those_elsewhere() {
    let server = Server::start();
    let connection = connect(&server).await;
    let here = Local::builder(SlidingLog::new(hourly(5)))
        .name("here")
        .keyed();
    let there = closed("there", tokens(3), &connection);
    let all = All((there.clone(), here.clone()));
    let key = ("k", "k");
    assert!(all.check(&key, 3).await.unwrap().is_admitted());
    assert_eq!(here.peek("k").remaining(), 2);
    let denied = all.check(&key, 1).await.unwrap();
    assert_eq!(&*all.limit_of(&key, &denied), "there");
    assert_eq!(here.peek("k").remaining(), 2, "given back");
    // The denial is remembered, so Redis is not called.
    let calls = connection.stats().calls;
    let denied = all.check(&key, 1).now_or_never().unwrap().unwrap();
    assert_eq!(&*all.limit_of(&key, &denied), "there");
    assert_eq!(there.counts().recalled, 1);
    let other = ("new", "k");
    let denied = all.check(&other, 3).now_or_never().unwrap().unwrap();
    assert_eq!(&*all.limit_of(&other, &denied), "here");
    let never = all.check(&("new", "new"), 4).now_or_never().unwrap();
    assert!(never.unwrap().retry_after().is_none());
    assert_eq!(connection.stats().calls, calls);
    assert_eq!(left(&there, "new").await, 3);
}

#[tokio::test]
async fn a_bucket_that_stands_there_twice_is_charged_twice() {
    let server = Server::start();
    let connection = connect(&server).await;
    let user = closed("user", tokens(7), &connection);
    let same = closed("user", tokens(7), &connection);
    let all = All((user.clone(), same));
    let before = connection.stats().calls;
    assert!(all.check(&("k", "k"), 2).await.unwrap().is_admitted());
    assert!(all.check(&("k", "l"), 1).await.unwrap().is_admitted());
    assert_eq!(connection.stats().calls - before, 2);
    assert_eq!((left(&user, "k").await, left(&user, "l").await), (2, 6));
    assert!(all.check(&("k", "k"), 2).await.unwrap().is_denied());
    assert_eq!(left(&user, "k").await, 2);
    // Under two rules it is one bucket, too.
    let other = closed("user", tokens(70), &connection);
    let all = All((user.clone(), other));
    assert!(all.check(&("k", "k"), 1).await.unwrap().is_admitted());
    assert_eq!(left(&user, "k").await, 0);
}

#[tokio::test]
async fn each_limits_policy_decides_for_that_limit() {
    let (mut server, other) = (Server::start(), Server::start());
    let (connection, up) = (connect(&server).await, connect(&other).await);
    let here = Local::keyed(tokens(5));
    let share = Local::keyed(tokens(2));
    let open = Redis::new("open", tokens(9), &connection, FailOpen);
    let instead = Redis::new("instead", tokens(9), &connection, OrElse(share.clone()));
    let shut = closed("shut", tokens(9), &connection);
    let alive = closed("alive", tokens(9), &up);
    server.kill();
    let key = ("k", "k", "k", "k");
    let lenient = All((open.clone(), instead.clone(), here.clone(), alive.clone()));
    for _ in 0..2 {
        assert!(lenient.check(&key, 1).await.unwrap().is_admitted());
    }
    assert_eq!(
        (open.counts().fell_back, share.peek("k").remaining()),
        (2, 0)
    );
    let denied = lenient.check(&key, 1).await.unwrap();
    assert_eq!(&*lenient.limit_of(&key, &denied), "instead");
    assert_eq!(
        (here.peek("k").remaining(), left(&alive, "k").await),
        (3, 7)
    );
    share.reset("k");
    let strict = All((alive.clone(), here.clone(), instead, shut.clone()));
    let error = strict.check(&key, 1).await.unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::Unreachable | ErrorKind::CircuitOpen
    ));
    assert_eq!(
        (here.peek("k").remaining(), left(&alive, "k").await),
        (3, 7)
    );
    assert_eq!(share.peek("k").remaining(), 2, "given back");
    assert_eq!(&*strict.name(&key), "alive");
    assert_eq!(&*All((open, shut)).name(&("k", "k")), "shut");
}

#[tokio::test]
async fn a_server_that_stops_is_asked_once_and_charges_nothing_here() {
    let server = Server::start();
    let connection = hasty(server.url());
    let connection = connection.connect().await.unwrap();
    let (one, other) = (
        closed("one", tokens(9), &connection),
        closed("two", tokens(9), &connection),
    );
    let here = Local::keyed(tokens(5));
    let all = All((one.clone(), other, here.clone()));
    let key = ("k", "k", "k");
    assert!(all.check(&key, 1).await.unwrap().is_admitted());
    let calls = connection.stats().calls;
    server.stop();
    let error = all.check(&key, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(
        (connection.stats().calls - calls, here.peek("k").remaining()),
        (1, 4)
    );
    server.go_on();
    // It may have been charged, but not twice.
    let left = loop {
        if let Ok(decision) = one.peek("k").await {
            break decision.remaining();
        }
    };
    assert!((7..=8).contains(&left));
}

#[tokio::test]
async fn a_place_in_a_queue_is_given_back_when_its_caller_leaves() {
    let server = Server::start();
    let connection = connect(&server).await;
    let queue = closed("queue", LeakyBucket::new(hourly(5)), &connection);
    let tenant = closed("tenant", tokens(9), &connection);
    let here = Local::keyed(tokens(9));
    let all = All((tenant.clone(), queue.clone(), here.clone()));
    let key = ("k", "k", "k");
    let first = all.until_ready(&key, 1, Wait::none()).await.unwrap();
    assert_eq!(first.verdict(), Verdict::Admit);
    let asked = all.check(&key, 1).await.unwrap();
    assert!(matches!(asked.verdict(), Verdict::Queue(_)));
    assert_eq!((left(&queue, "k").await, left(&tenant, "k").await), (4, 7));
    let mut waits = all.until_ready(&key, 1, Wait::none());
    assert!(futures_util::poll!(&mut waits).is_pending());
    while left(&queue, "k").await != 3 {
        assert!(futures_util::poll!(&mut waits).is_pending());
    }
    assert!(futures_util::poll!(&mut waits).is_pending());
    drop(waits);
    assert_eq!((left(&queue, "k").await, left(&tenant, "k").await), (4, 7));
    assert_eq!(here.peek("k").remaining(), 7);
    let short = Wait::up_to(Duration::from_secs(60));
    let denied = all.until_ready(&key, 1, short).await.unwrap();
    assert_eq!(&*all.limit_of(&key, &denied), "queue");
    assert_eq!((left(&queue, "k").await, left(&tenant, "k").await), (4, 7));
    assert_eq!(here.peek("k").remaining(), 7);
}

#[tokio::test]
async fn a_check_that_is_never_polled_takes_nothing() {
    let server = Server::start();
    let connection = connect(&server).await;
    let (user, here) = (
        closed("user", tokens(9), &connection),
        Local::keyed(tokens(9)),
    );
    let all = All((user.clone(), here.clone()));
    drop(all.check(&("k", "k"), 2));
    assert_eq!((left(&user, "k").await, here.peek("k").remaining()), (9, 9));
}

/// Between the charge and its rollback the bucket is reset, and others charge it.
#[tokio::test]
async fn a_rollback_gives_back_nothing_of_what_came_after_a_reset() {
    let (first, second) = (Server::start(), Server::start());
    let one = builder(first.url()).connect().await.unwrap();
    let other = builder(second.url());
    let other = other
        .timeout(Duration::from_secs(60))
        .connect()
        .await
        .unwrap();
    let (here, there) = (
        closed("here", tokens(9), &one),
        closed("there", tokens(9), &other),
    );
    assert!(there.check("k", 7).await.unwrap().is_admitted());
    let all = All((here.clone(), there.clone())).one_key();
    second.stop();
    let mut check = all.check("k", 3);
    while there.counts().calls < 2 {
        assert!(futures_util::poll!(&mut check).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(left(&here, "k").await, 6);
    here.reset("k").await.unwrap();
    assert!(here.check("k", 5).await.unwrap().is_admitted());
    second.go_on();
    assert!(check.await.unwrap().is_denied());
    // Two checks, a peek, a reset, and the rollback.
    let rolled_back = || std::future::ready(here.counts().requests >= 5);
    until("it is rolled back", rolled_back).await;
    assert_eq!(left(&here, "k").await, 4);
}

#[tokio::test]
async fn a_charge_is_given_back_when_its_caller_has_left() {
    let server = Server::start();
    let connection = builder(server.url());
    let connection = connection.connect().await.unwrap();
    let user = closed("user", tokens(9), &connection);
    let queue = closed("queue", LeakyBucket::new(hourly(9)), &connection);
    let alone = closed("alone", SlidingLog::new(hourly(9)), &connection);
    let here = Local::keyed(tokens(9));
    let (both, one) = (
        All((user.clone(), queue.clone(), here.clone())),
        All((here.clone(), alone.clone())),
    );
    server.stop();
    let mut checks = (
        both.until_ready(&("k", "k", "k"), 2, Wait::none()),
        one.check(&("k", "k"), 2),
    );
    while [&user.counts(), &alone.counts()]
        .iter()
        .any(|it| it.calls == 0)
    {
        assert!(futures_util::poll!(&mut checks.0).is_pending());
        assert!(futures_util::poll!(&mut checks.1).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(here.peek("k").remaining(), 5);
    drop(checks);
    assert_eq!(here.peek("k").remaining(), 9);
    server.go_on();
    // The second question is what gives back.
    let done = || user.counts().requests == 2 && queue.counts().requests == 2;
    while !done() || alone.counts().requests < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((left(&user, "k").await, left(&queue, "k").await), (9, 10));
    assert_eq!(left(&alone, "k").await, 9);
}

/// Returns the value of a key on the server, of any type.
fn held(client: &mut redis::Connection, key: &str) -> Value {
    let kind: String = redis::cmd("TYPE").arg(key).query(client).unwrap();
    let read = match kind.as_str() {
        "list" => redis::Cmd::lrange(key, 0, -1),
        _ => redis::Cmd::get(key),
    };
    read.query(client).unwrap()
}

/// ReplyReader that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn upto(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % (most + 1)
    }
}

/// One bucket by both scripts, step by step: replies and states are the same.
fn decides_alone_as_in_a_batch<R: Scripted>(make: impl Fn(Quota) -> R) {
    let server = Server::start();
    let mut client = server.client();
    let mut dice = Dice(7);
    let mut now = 1 << 50;
    for step in 0..400 {
        // Now and then under another quota.
        let amount = 3 + step / 90;
        let rule = make(Quota::new(amount, Duration::from_secs(1)).unwrap().burst(4));
        now += [0, 1, dice.upto(400_000), dice.upto(3_000_000)][dice.upto(3) as usize];
        let cost = dice.upto(5);
        let entry = match dice.upto(2) {
            0 => Operation::Take(
                1,
                cost,
                if rule.queues() {
                    dice.upto(1_000_000)
                } else {
                    0
                },
            ),
            _ => Operation::Check(cost),
        };
        let head = terms(&rule);
        let one = batch::<R>(
            &head,
            Some(now),
            None,
            [(b"batch".as_slice(), entry)].into_iter(),
        );
        let other = check_all(
            Some(now),
            [(&head[..], b"all".as_slice(), entry)].into_iter(),
        );
        let one: Vec<Value> = R::script()
            .call_with_source(&one)
            .query(&mut client)
            .unwrap();
        let other: Vec<Value> = check_all_with_source(&other).query(&mut client).unwrap();
        assert_eq!(one, other, "{entry:?} of {rule:?} at {now}");
        let (one, other) = (held(&mut client, "batch"), held(&mut client, "all"));
        assert_eq!(one, other, "{entry:?} of {rule:?} at {now}");
    }
}

#[test]
fn one_bucket_is_decided_as_in_a_batch() {
    decides_alone_as_in_a_batch(TokenBucket::new);
    decides_alone_as_in_a_batch(LeakyBucket::new);
    decides_alone_as_in_a_batch(LeakyBucket::meter);
    decides_alone_as_in_a_batch(FixedWindow::new);
    decides_alone_as_in_a_batch(SlidingWindow::new);
    decides_alone_as_in_a_batch(SlidingLog::new);
}

/// Returns whether a rule admits by the reply and its own state, and the state
/// after the charge.
fn replayed<R: Scripted>(
    rule: &R,
    state: &R::State,
    now: u64,
    cost: Cost,
    reply: &mut ReplyReader<'_>,
) -> (bool, R::State) {
    let (told, mut found) = Operation::Check(cost).read(rule, now, reply).unwrap();
    let mut charged = state.clone();
    let decision = rule.decide(&mut charged, now, cost);
    assert_eq!(decision, rule.decide(&mut found, now, cost));
    assert_eq!(told, u64::from(decision.is_admitted()));
    (decision.is_admitted(), charged)
}

#[test]
fn several_buckets_are_their_rules_charged_together() {
    let server = Server::start();
    let mut client = server.client();
    let second = |amount| Quota::per_second(amount);
    let (bucket, window, log) = (
        TokenBucket::new(second(5)),
        SlidingWindow::new(second(7)),
        SlidingLog::new(second(6)),
    );
    let heads = [terms(&bucket), terms(&window), terms(&log)];
    let mut states = (Word::EMPTY, Word::EMPTY, Default::default());
    let (mut dice, mut now, mut passed) = (Dice(3), 1 << 50, 0);
    for _ in 0..600 {
        now += [0, dice.upto(200_000), dice.upto(900_000)][dice.upto(2) as usize];
        let costs = [dice.upto(4), dice.upto(4), dice.upto(4)];
        let names = [b"a", b"b", b"c"];
        let asked = [0, 1, 2].map(|at| {
            (
                &heads[at][..],
                names[at].as_slice(),
                Operation::Check(costs[at]),
            )
        });
        let call = check_all(Some(now), asked.into_iter());
        let reply: Vec<Value> = check_all_with_source(&call).query(&mut client).unwrap();
        let mut reply = ReplyReader::of(&reply);
        assert_eq!(reply.take(), Some(now));
        let a = replayed(&bucket, &states.0, now, costs[0], &mut reply);
        let b = replayed(&window, &states.1, now, costs[1], &mut reply);
        let c = replayed(&log, &states.2, now, costs[2], &mut reply);
        assert_eq!(reply.take(), None);
        if a.0 && b.0 && c.0 {
            states = (a.1, b.1, c.1);
            passed += 1;
        }
    }
    assert!((100..500).contains(&passed), "some of each: {passed}");
}

/// The types say what can fail.
#[tokio::test]
async fn limits_that_cannot_fail_have_no_error() {
    fn never_fails<L: Backend<Error = std::convert::Infallible>>(_: &L) {}
    fn waits<F: Future + Send>(_: Check<F>) {}
    let server = Server::start();
    let connection = connect(&server).await;
    let here = Local::keyed(tokens(5));
    let open = Redis::new("open", tokens(9), &connection, FailOpen);
    let all = All((here, open));
    never_fails(&all);
    waits(all.check(&(Arc::new("k"), "k"), 1));
}
