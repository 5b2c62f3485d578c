//! `limit::Redis` as its users see it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use sluicegate::{
    key::Either,
    limit::{
        Check, Cost, Counts, Decision, FailClosed, FixedWindow, LeakyBucket, Limiter, Local,
        Policy, Quota, Redis, Scripted, SlidingLog, SlidingWindow, TokenBucket, Verdict, Wait,
    },
    redis::{Connection, ErrorKind},
};

use crate::{
    connection::{builder, until},
    server::Server,
};

/// Longer than a test runs.
const HOUR: Duration = Duration::from_secs(3_600);

/// Slow enough that nothing comes back while a test runs.
fn hourly(amount: u64) -> Quota {
    Quota::per_hour(amount)
}

async fn connect(server: &Server) -> Connection {
    // No call is late, however busy the machine is.
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    patient.connect().await.expect("it is up")
}

/// Takes `cost` where no error is possible, or expected.
async fn check<R: Scripted>(limiter: &Redis<R, FailClosed>, key: &str, cost: Cost) -> Decision {
    limiter.check(key, cost).await.expect("Redis answers")
}

#[tokio::test]
async fn limiters_of_one_name_are_one_limit() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(10));
    let (one, other) = (connect(&server).await, connect(&server).await);
    let one = Redis::new("api", rule, &one, FailClosed);
    let other = Redis::new("api", rule, &other, FailClosed);
    for remaining in (0..10).rev() {
        let limiter = if remaining % 2 == 0 { &one } else { &other };
        let decision = check(limiter, "alice", 1).await;
        assert!(decision.is_admitted());
        assert_eq!((decision.limit(), decision.remaining()), (10, remaining));
    }
    assert!(check(&one, "alice", 1).await.is_denied());
    assert!(check(&other, "alice", 1).await.is_denied());
    assert!(check(&one, "bob", 1).await.is_admitted());
    let elsewhere = Redis::new("mail", rule, &connect(&server).await, FailClosed);
    assert!(check(&elsewhere, "alice", 10).await.is_admitted());
}

#[tokio::test]
async fn every_rule_keeps_its_limit() {
    async fn keeps<R: Scripted>(name: &str, rule: R, connection: &Connection, most: Cost) {
        let limiter = Redis::new(name, rule, connection, FailClosed);
        let answers = join_all((0..40).map(|_| check(&limiter, "k", 1))).await;
        let admitted = answers.iter().filter(|decision| decision.is_admitted());
        assert_eq!(admitted.count() as u64, most, "{name}");
        let denied = answers.iter().find(|decision| decision.is_denied());
        assert!(denied.expect("40 are too many").retry_after() > Some(Duration::ZERO));
    }
    let server = Server::start();
    let connection = connect(&server).await;
    let quota = Quota::per_day(12).burst(9);
    keeps("bucket", TokenBucket::new(quota), &connection, 9).await;
    keeps("meter", LeakyBucket::meter(quota), &connection, 9).await;
    keeps("queue", LeakyBucket::new(quota), &connection, 10).await;
    keeps("window", SlidingWindow::new(quota), &connection, 12).await;
    keeps("log", SlidingLog::new(quota), &connection, 12).await;
    keeps("fixed", FixedWindow::new(quota), &connection, 12).await;
}

#[tokio::test]
async fn all_that_local_can_do_redis_can_do() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(10));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 4).await;
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 6);
    limiter.credit("k", 1).await.unwrap();
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 7);
    limiter.debit("k", 5).await.unwrap();
    let (taken, decision) = limiter.check_up_to("k", 9).await.unwrap();
    assert_eq!((taken, decision.is_admitted()), (2, true));
    let (taken, decision) = limiter.check_up_to("k", 9).await.unwrap();
    assert_eq!((taken, decision.is_denied()), (0, true));
    limiter.debit("k", 3).await.unwrap();
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 0);
    limiter.reset("k").await.unwrap();
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 10);
    let never = check(&limiter, "k", 11).await;
    assert!(never.is_denied() && never.retry_after().is_none());
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 10);
}

#[tokio::test]
async fn concurrent_checks_share_calls_and_keep_their_order() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    // Mixed costs, so that the order can be told.
    let costs: Vec<Cost> = (0..200).map(|step| 1 + step % 3).collect();
    // Tasks begin in the order in which they are spawned.
    let tasks = costs.clone().into_iter().map(|cost| {
        let limiter = limiter.clone();
        tokio::spawn(async move { check(&limiter, "k", cost).await })
    });
    let answers = join_all(tasks.collect::<Vec<_>>()).await;
    let mut left = 1_000;
    for (cost, decision) in costs.iter().zip(answers) {
        left -= cost;
        assert_eq!(decision.unwrap().remaining(), left);
    }
    let counts = limiter.counts();
    assert_eq!(counts.requests, 200);
    assert!(counts.calls <= 4, "{counts:?}");
}

#[tokio::test]
async fn equal_checks_of_one_key_are_one_entry() {
    let server = Server::start();
    let rule = SlidingWindow::new(hourly(150));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.remember_denials(0).build(FailClosed);
    let answers = join_all((0..200).map(|_| check(&limiter, "k", 1))).await;
    let admitted: Vec<bool> = answers.iter().map(Decision::is_admitted).collect();
    assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 150);
    let counts = limiter.counts();
    assert_eq!(counts.requests, 200);
    assert!(counts.entries <= 4, "{counts:?}");
}

#[tokio::test]
async fn without_coalescing_each_check_is_a_call() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(100));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.coalesce(false).build(FailClosed);
    join_all((0..50).map(|_| check(&limiter, "k", 1))).await;
    let counts = limiter.counts();
    assert_eq!(
        (counts.requests, counts.entries, counts.calls),
        (50, 50, 50)
    );
}

#[tokio::test]
async fn denials_are_remembered_for_the_costs_that_they_hold_for() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(10));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.remember_denials_for(HOUR).build(FailClosed);
    check(&limiter, "k", 7).await;
    let denied = check(&limiter, "k", 5).await;
    assert!(denied.is_denied());
    let asked = limiter.counts().requests;
    for cost in [4, 5, 6, 10] {
        let again = check(&limiter, "k", cost).await;
        assert!(again.is_denied());
        assert_eq!(again.remaining(), 3);
        // The time for what is missing, less the moment that has passed.
        let missing = HOUR * (cost as u32 - 3) / 10;
        assert!(again.retry_after().unwrap() <= missing);
        assert!(again.retry_after().unwrap() > missing - HOUR / 20);
    }
    assert_eq!(limiter.counts().requests, asked);
    assert_eq!(limiter.counts().recalled, 4);
    // A request that can pass calls Redis.
    assert!(check(&limiter, "k", 3).await.is_admitted());
    assert_eq!(limiter.counts().requests, asked + 1);
}

#[tokio::test]
async fn a_credit_or_reset_of_this_process_ends_a_remembered_denial() {
    let server = Server::start();
    let rule = SlidingLog::new(hourly(3));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 3).await;
    assert!(check(&limiter, "k", 1).await.is_denied());
    assert!(check(&limiter, "k", 1).await.is_denied());
    limiter.credit("k", 1).await.unwrap();
    assert!(check(&limiter, "k", 1).await.is_admitted());
    assert!(check(&limiter, "k", 1).await.is_denied());
    limiter.reset("k").await.unwrap();
    assert!(check(&limiter, "k", 3).await.is_admitted());
}

/// Or else who was locked out for a day would stay so for a day.
#[tokio::test]
async fn a_reset_or_credit_elsewhere_is_heard_soon() {
    let server = Server::start();
    let rule = TokenBucket::new(Quota::per_day(3));
    let limiter = async || Redis::new("api", rule, &connect(&server).await, FailClosed);
    let (one, other) = (limiter().await, limiter().await);
    let passes = || async { check(&one, "k", 1).await.is_admitted() };
    check(&one, "k", 3).await;
    assert!(!passes().await && !passes().await);
    assert_eq!(one.counts().recalled, 1);
    other.reset("k").await.unwrap();
    until("the reset is heard", passes).await;
    check(&one, "k", 2).await;
    assert!(!passes().await);
    other.credit("k", 1).await.unwrap();
    until("the credit is heard", passes).await;
}

#[tokio::test]
async fn a_denial_that_is_remembered_for_no_time_is_asked_for() {
    let server = Server::start();
    let rule = TokenBucket::new(Quota::per_day(3));
    let one = Redis::builder("api", rule, &connect(&server).await);
    let one = one.remember_denials_for(Duration::ZERO).build(FailClosed);
    let other = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&one, "k", 3).await;
    for _ in 0..3 {
        assert!(check(&one, "k", 1).await.is_denied());
    }
    other.reset("k").await.unwrap();
    assert!(check(&one, "k", 1).await.is_admitted());
    assert_eq!((one.counts().recalled, one.counts().requests), (0, 5));
}

#[tokio::test]
async fn retries_while_denied_cost_redis_nothing() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.remember_denials_for(HOUR).build(FailClosed);
    for _ in 0..1_000 {
        for key in ["a", "b", "c"] {
            check(&limiter, key, 1).await;
        }
    }
    assert_eq!(limiter.counts().requests, 6);
    assert_eq!(limiter.counts().recalled, 3 * 998);
}

#[tokio::test]
async fn the_number_of_remembered_denials_is_bounded() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.remember_denials(16).remember_denials_for(HOUR);
    let limiter = limiter.build(FailClosed);
    let keys: Vec<String> = (0..500).map(|key| key.to_string()).collect();
    for key in &keys {
        check(&limiter, key, 1).await;
        assert!(check(&limiter, key, 1).await.is_denied());
    }
    for key in &keys {
        assert!(check(&limiter, key, 1).await.is_denied());
    }
    assert!(limiter.counts().recalled <= 16);
}

#[tokio::test]
async fn a_full_queue_is_the_policys() {
    let server = Server::start();
    let counts = Arc::new(Counts::default());
    let rule = TokenBucket::new(hourly(1_000));
    let limiter = Redis::builder("api", rule, &connect(&server).await);
    let limiter = limiter.queue(10).observe(counts.clone()).build(FailClosed);
    let answers = join_all((0..50).map(|_| limiter.check("k", 1))).await;
    let errors: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    // One called for itself, and ten found room.
    assert_eq!(errors.len(), 39);
    assert!(
        errors
            .iter()
            .all(|error| error.kind() == ErrorKind::Overloaded)
    );
    assert_eq!(limiter.counts().overloaded, 39);
    assert_eq!(counts.snapshot().fell_back, 39);
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 1_000 - 11);
}

#[tokio::test]
async fn ten_thousand_at_once_are_answered_within_the_bound() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(6_000));
    let connection = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(30));
    let connection = connection.connect().await.unwrap();
    let limiter = Redis::new("api", rule, &connection, FailClosed);
    let tasks = (0..10_000).map(|_| {
        let limiter = limiter.clone();
        tokio::spawn(async move { check(&limiter, "k", 1).await.is_admitted() })
    });
    let answers = join_all(tasks).await;
    let admitted = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap());
    assert_eq!(admitted.count(), 6_000);
    assert!(limiter.counts().calls < 1_000, "{:?}", limiter.counts());
}

#[tokio::test]
async fn a_check_that_is_dropped_leaves_nothing_behind() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    for _ in 0..20 {
        // Some ask alone, most are queued; none of them is ever polled.
        let checks: Vec<_> = (0..10).map(|_| limiter.check("dropped", 1)).collect();
        drop(checks);
        assert!(check(&limiter, "k", 1).await.is_admitted());
    }
    // No caller waited for the queued checks, so they were not sent.
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 980);
    assert_eq!(limiter.peek("dropped").await.unwrap().remaining(), 1_000);
}

#[tokio::test]
async fn a_check_that_is_not_polled_does_not_block_others() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    let held = limiter.check("k", 1);
    for _ in 0..5 {
        assert!(check(&limiter, "k", 1).await.is_admitted());
    }
    let held = held.await.unwrap();
    assert_eq!(held.remaining(), 1_000 - 6);
}

#[tokio::test]
async fn all_the_fleet_waits_in_one_line() {
    let server = Server::start();
    let rule = LeakyBucket::new(Quota::per_second(100).burst(50));
    let (one, other) = (connect(&server).await, connect(&server).await);
    let one = Redis::new("api", rule, &one, FailClosed);
    let other = Redis::new("api", rule, &other, FailClosed);
    let turns = [&one, &other, &one, &other, &one];
    let places = turns.map(|limiter| limiter.until_ready("k", 1, Wait::none()));
    let answers = join_all(places).await;
    let mut waits: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer.unwrap().verdict() {
            Verdict::Admit => Duration::ZERO,
            Verdict::Queue(wait) => wait,
            Verdict::Deny => panic!("there was room"),
        })
        .collect();
    waits.sort();
    let interval = Duration::from_millis(10);
    for (place, wait) in waits.into_iter().enumerate() {
        // Each asked a little later than the first, and waits that much less.
        assert!(wait <= interval * place as u32);
    }
}

#[tokio::test]
async fn patience_is_kept() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(2));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 2).await;
    let minutes = |minutes: u64| Wait::up_to(Duration::from_secs(60 * minutes));
    let denied = limiter.until_ready("k", 1, minutes(29)).await.unwrap();
    assert!(denied.is_denied());
    let full = limiter
        .until_ready("k", 1, minutes(31).queue(0))
        .await
        .unwrap();
    assert!(full.is_denied());
}

#[tokio::test]
async fn a_patience_without_end_ends_where_instants_do() {
    let server = Server::start();
    let connection = connect(&server).await;
    let rule = TokenBucket::new(Quota::per_second(1_000_000));
    let limiter = Redis::new("api", rule, &connection, FailClosed);
    limiter.debit("k", u64::MAX).await.unwrap();
    limiter.debit("k", u64::MAX).await.unwrap();
    let max_wait = Wait::up_to(Duration::MAX);
    let denied = limiter.until_ready("k", 1, max_wait).await.unwrap();
    assert!(denied.is_denied(), "{denied:?}");
}

#[tokio::test]
async fn a_queue_refuses_callers_that_do_not_wait() {
    let server = Server::start();
    let rule = LeakyBucket::new(hourly(5));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 1).await;
    let full = Wait::none().queue(0);
    for max_wait in [Wait::up_to(Duration::ZERO), full] {
        let denied = limiter.until_ready("k", 1, max_wait).await.unwrap();
        assert!(denied.is_denied(), "{denied:?}");
    }
    assert_eq!(limiter.peek("k").await.unwrap().remaining(), 5);
}

#[tokio::test]
async fn the_last_in_the_line_gives_its_place_back() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(2));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 2).await;
    let hours = Wait::up_to(Duration::from_secs(7_200));
    let mut places = Vec::new();
    for _ in 0..2 {
        let mut place = limiter.until_ready("k", 1, hours);
        wait_in_line(&limiter, &mut place, places.len() as u64 + 1).await;
        places.push(place);
    }
    // The first of them is not the last in the line: its place lapses.
    drop(places.remove(0));
    until_debt(&limiter, 2).await;
    places.clear();
    until_debt(&limiter, 1).await;
}

/// Polls until the place is booked, which the bucket shows.
async fn wait_in_line<R: Scripted, P: Policy>(
    limiter: &Redis<R, P>,
    place: &mut Check<sluicegate::limit::CheckFuture<R, P>>,
    booked: u64,
) where
    P::Error: std::fmt::Debug,
{
    assert!(futures_util::poll!(&mut *place).is_pending());
    loop {
        let debt = debt(limiter).await;
        assert!(futures_util::poll!(&mut *place).is_pending());
        if debt == booked {
            return;
        }
    }
}

/// Bookings are debts of the bucket, of half an hour each.
async fn debt<R: Scripted, P: Policy>(limiter: &Redis<R, P>) -> u64
where
    P::Error: std::fmt::Debug,
{
    let whole = limiter.peek("k").await.unwrap().reset_after();
    let half_hours = whole.as_secs_f64() / 1_800.0;
    half_hours.round() as u64 - 2
}

async fn until_debt<R: Scripted, P: Policy>(limiter: &Redis<R, P>, owed: u64)
where
    P::Error: std::fmt::Debug,
{
    while debt(limiter).await != owed {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn keys_with_any_bytes_have_budgets_of_their_own() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1));
    let limiter = Redis::new("a:b}{", rule, &connect(&server).await, FailClosed);
    let long = |last: &str| "x".repeat(10_000) + last;
    let keys: Vec<Vec<u8>> = vec![
        b"{}".to_vec(),
        b"}{".to_vec(),
        b"a b".to_vec(),
        b"a\nb".to_vec(),
        b"a\r\nb".to_vec(),
        b"a\0b".to_vec(),
        b"a".to_vec(),
        b"".to_vec(),
        b"%61".to_vec(),
        b"\xff\xfe".to_vec(),
        b"*".to_vec(),
        long("1").into_bytes(),
        long("2").into_bytes(),
    ];
    for key in &keys {
        assert!(
            limiter.check(key, 1).await.unwrap().is_admitted(),
            "{key:?}"
        );
    }
    for key in &keys {
        assert!(limiter.check(key, 1).await.unwrap().is_denied(), "{key:?}");
    }
    let either: [Either<&str, &str>; 2] = [Either::First("a"), Either::Second("a")];
    for key in either {
        assert!(limiter.check(&key, 1).await.unwrap().is_admitted());
    }
    let mut client = server.client();
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut client).unwrap();
    let names: Vec<_> = names
        .iter()
        .filter(|name| !name.contains("{probe}"))
        .collect();
    assert_eq!(names.len(), keys.len() + 2);
    for name in names {
        assert!(name.starts_with("sluicegate:{a%3Ab%7D%7B:"), "{name}");
        assert!(name.len() < 200);
        let left: i64 = redis::cmd("PTTL").arg(name).query(&mut client).unwrap();
        assert!(left > 0 && left <= 3_600_000, "{name}: {left}");
    }
}

#[tokio::test]
async fn a_changed_quota_keeps_the_tokens() {
    let server = Server::start();
    let connection = connect(&server).await;
    let limiter = |rule| Redis::new("api", rule, &connection, FailClosed);
    check(&limiter(TokenBucket::new(hourly(100))), "k", 30).await;
    let peek = async |rule| limiter(rule).peek("k").await.unwrap().remaining();
    assert_eq!(peek(TokenBucket::new(hourly(1_000).burst(100))).await, 70);
    assert_eq!(peek(TokenBucket::new(hourly(5).burst(500))).await, 70);
    assert_eq!(peek(TokenBucket::new(hourly(50))).await, 50);
}

#[tokio::test]
async fn a_state_without_permission_to_read_is_not_a_bucket_never_seen() {
    async fn fails<R: Scripted>(name: &str, rule: R, cost: u64, connection: &Connection) {
        let limiter = Redis::new(name, rule, connection, FailClosed);
        let error = limiter.check("k", cost).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    }
    let server = Server::start();
    let acl = |rights: &[&str]| {
        let mut set = redis::cmd("ACL");
        let set = set.arg("SETUSER").arg("app").arg(rights);
        set.exec(&mut server.client()).unwrap();
    };
    acl(&["on", ">secret", "~*", "+@all"]);
    let url = format!("redis://app:secret@127.0.0.1:{}/", server.port());
    // One that asks even a server that refuses.
    let builder = builder(url).breaker(u32::MAX, Duration::from_secs(1));
    let connection = builder.connect().await.unwrap();
    acl(&["-get", "-lindex"]);
    fails("window", FixedWindow::new(hourly(2)), 1, &connection).await;
    fails("log", SlidingLog::new(hourly(2)), 1, &connection).await;
    fails("bucket", TokenBucket::new(hourly(2)), 0, &connection).await;
    // SET, which may still be called, reads a bucket as well.
    let bucket = Redis::new(
        "bucket",
        TokenBucket::new(hourly(2)),
        &connection,
        FailClosed,
    );
    for admits in [true, true, false] {
        assert_eq!(check(&bucket, "k", 1).await.is_admitted(), admits);
    }
}

#[tokio::test]
async fn switching_from_local_is_one_line() {
    fn takes<L: Limiter<str> + Limiter<String> + Limiter<(u32, String)> + Limiter<()>>(_: &L) {}
    let server = Server::start();
    let rule = TokenBucket::new(hourly(1));
    takes(&Local::keyed(rule));
    takes(&Redis::new(
        "api",
        rule,
        &connect(&server).await,
        FailClosed,
    ));
}

/// Drops a runtime in which a caller waits for its turn; hangs if the drop hangs.
fn end_with_someone_in_line(runtime: tokio::runtime::Runtime) {
    let server = Server::start();
    runtime.block_on(async {
        let rule = TokenBucket::new(hourly(2));
        let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
        check(&limiter, "k", 2).await;
        let waiter = limiter.clone();
        tokio::spawn(async move {
            let hours = Wait::up_to(Duration::from_secs(7_200));
            waiter.until_ready("k", 1, hours).await.unwrap();
        });
        until_debt(&limiter, 1).await;
        // The answer has come when the next one does.
        check(&limiter, "k", 2).await;
    });
    drop(runtime);
}

#[test]
fn a_runtime_in_which_someone_waits_can_end() {
    let mut current = tokio::runtime::Builder::new_current_thread();
    end_with_someone_in_line(current.enable_all().build().unwrap());
    let mut several = tokio::runtime::Builder::new_multi_thread();
    end_with_someone_in_line(several.worker_threads(2).enable_all().build().unwrap());
}

#[tokio::test]
async fn the_number_of_waiting_callers_is_bounded() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(2));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 2).await;
    let max_wait = Wait::up_to(Duration::from_secs(100_000)).queue(5);
    // All ask before the first of them is answered.
    let mut turns: Vec<_> = (0..20)
        .map(|_| limiter.until_ready("k", 1, max_wait))
        .collect();
    let mut denied = 0;
    while denied < 15 {
        let mut waiting = Vec::new();
        for mut turn in turns {
            match futures_util::poll!(&mut turn) {
                std::task::Poll::Ready(answer) => denied += u64::from(answer.unwrap().is_denied()),
                std::task::Poll::Pending => waiting.push(turn),
            }
        }
        turns = waiting;
        tokio::task::yield_now().await;
    }
    assert_eq!(turns.len(), 5);
    until_debt(&limiter, 5).await;
}

#[tokio::test]
async fn a_place_whose_reply_was_not_read_is_given_back() {
    let server = Server::start();
    let rule = TokenBucket::new(hourly(2));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    check(&limiter, "k", 2).await;
    let mut turn = limiter.until_ready("k", 1, Wait::up_to(Duration::from_secs(7_200)));
    assert!(futures_util::poll!(&mut turn).is_pending());
    until_debt(&limiter, 1).await;
    drop(turn);
    until_debt(&limiter, 0).await;
}
