//! Several limits for one request: all are charged, or none.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::FutureExt;
use http::StatusCode;
use sluicegate::{
    clock::{Manual, Tokio},
    key::{self, Global},
    limit::{
        All, Check, Cost, Decision, Event, FixedWindow, Keyed, LeakyBucket, Limiter, Local,
        Observe, Quota, RateLimitLayer, RequestOutcome, Rule, SlidingLog, SlidingWindow, Tiers,
        TokenBucket, Verdict, Wait,
    },
    refusal::{Answer, Headers},
};
use tokio::time::sleep;
use tower::Layer;

use crate::support::{Probe, ms, request, request_with, send, status};

/// Slow enough that a test sees nothing come back.
fn hourly(amount: u64) -> Quota {
    Quota::per_hour(amount)
}

fn named<R: Rule>(name: &str, rule: R, clock: &Manual) -> Local<R, Keyed, Manual> {
    Local::builder(rule).name(name).clock(clock.clone()).keyed()
}

/// The decision of a check that needs no wait.
fn now<F>(check: Check<F>) -> Decision {
    match check {
        Check::Now(decision) => decision,
        Check::Later(_) => panic!("it is decided at once"),
    }
}

#[test]
fn all_are_charged_or_none() {
    let clock = Manual::new();
    let second = named("second", TokenBucket::new(Quota::per_second(5)), &clock);
    let day = named("day", SlidingWindow::new(Quota::per_day(8)), &clock);
    let all = All((second.clone(), day.clone()));
    assert!(now(all.check(&("ann", "ann"), 5)).is_admitted());
    clock.advance(Duration::from_secs(1));
    assert!(now(all.check(&("ann", "ann"), 5)).is_denied());
    assert_eq!(second.peek("ann").remaining(), 5, "given back");
    assert_eq!(day.peek("ann").remaining(), 3, "never taken");
    assert!(now(all.check(&("ann", "ann"), 3)).is_admitted());
    assert!(now(all.check(&("bob", "bob"), 5)).is_admitted());
}

#[test]
fn a_refusal_changes_no_bucket_of_any_rule() {
    fn leaves_none<R: Rule>(rule: R) {
        let clock = Manual::new();
        clock.advance(Duration::from_secs(100));
        let one = named("one", rule, &clock);
        let none = named("none", TokenBucket::new(hourly(1)), &clock);
        assert!(none.check("k", 1).is_admitted());
        let all = All((one.clone(), none));
        assert!(one.check("k", 2).is_admitted());
        clock.advance(ms(3));
        let before = one.peek("k");
        for cost in 1..4 {
            assert!(now(all.check(&("k", "k"), cost)).is_denied());
            assert_eq!(one.peek("k"), before, "{one:?}");
        }
        let fresh = one.peek("new");
        assert!(now(all.check(&("new", "k"), 1)).is_denied());
        assert_eq!(one.peek("new"), fresh);
    }
    leaves_none(TokenBucket::new(hourly(9)));
    leaves_none(LeakyBucket::meter(hourly(9)));
    leaves_none(LeakyBucket::new(hourly(9)));
    leaves_none(SlidingWindow::new(hourly(9)));
    leaves_none(SlidingLog::new(hourly(9)));
    leaves_none(FixedWindow::new(hourly(9)));
}

#[test]
fn threads_that_hammer_charge_each_limit_for_what_passed_and_no_more() {
    const COST: Cost = 2;
    let clock = Manual::new();
    let user = named("user", TokenBucket::new(hourly(900)), &clock);
    let tenant = named("tenant", SlidingWindow::new(hourly(700)), &clock);
    let log = named("log", SlidingLog::new(hourly(600)), &clock);
    let meter = Local::builder(LeakyBucket::meter(hourly(501)));
    let meter = meter.clock(clock.clone()).direct();
    let all = All((user.clone(), tenant.clone(), log.clone(), meter.clone()));
    let passed: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (all, passed) = (&all, &passed);
            scope.spawn(move || {
                for turn in 0..400 {
                    let who = (thread + turn) % 4;
                    if now(all.check(&(who, "t", who / 2, ()), COST)).is_admitted() {
                        passed[who].fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    let passed: Vec<Cost> = passed.iter().map(|it| it.load(Relaxed) * COST).collect();
    let total: Cost = passed.iter().sum();
    assert_eq!(total, 500, "the tightest is used up");
    assert_eq!(meter.peek().remaining(), 501 - total);
    assert_eq!(tenant.peek("t").remaining(), 700 - total);
    for (who, taken) in passed.iter().enumerate() {
        assert_eq!(user.peek(&who).remaining(), 900 - taken);
    }
    for half in 0..2_usize {
        let taken = passed[2 * half] + passed[2 * half + 1];
        assert_eq!(log.peek(&half).remaining(), 600 - taken);
    }
}

#[test]
fn a_refusal_is_that_of_the_longest_wait_and_holds_for_all() {
    let clock = Manual::new();
    let fast = named("fast", TokenBucket::new(Quota::per_second(1)), &clock);
    let slow = named("slow", TokenBucket::new(Quota::per_minute(1)), &clock);
    let slower = named("slower", FixedWindow::new(hourly(1)), &clock);
    let all = All((fast, slow, slower));
    let key = ("k", "k", "k");
    assert!(now(all.check(&key, 1)).is_admitted());
    let denied = now(all.check(&key, 1));
    assert_eq!(&*all.limit_of(&key, &denied), "slower");
    let retry = denied.retry_after().unwrap();
    clock.advance(retry - Duration::from_micros(1));
    assert!(now(all.check(&key, 1)).is_denied());
    clock.advance(Duration::from_micros(1));
    assert!(now(all.check(&key, 1)).is_admitted());
}

#[test]
fn a_limit_that_never_admits_is_named_before_one_that_waits() {
    let clock = Manual::new();
    let empty = named("empty", TokenBucket::new(hourly(5)), &clock);
    let small = named("small", TokenBucket::new(hourly(2)), &clock);
    empty.check("k", 5);
    let all = All((empty, small));
    let never = now(all.check(&("k", "k"), 3));
    assert_eq!(&*all.limit_of(&("k", "k"), &never), "small");
    assert!(never.is_denied() && never.retry_after().is_none());
    let denied = now(all.check(&("k", "k"), 2));
    assert_eq!(&*all.limit_of(&("k", "k"), &denied), "empty");
}

#[test]
fn an_admission_is_that_of_the_tightest_quota() {
    let clock = Manual::new();
    let wide = named("wide", TokenBucket::new(hourly(100)), &clock);
    let tight = named("tight", SlidingWindow::new(hourly(10)), &clock);
    let all = All((wide.clone(), tight));
    let decision = now(all.check(&("k", "k"), 1));
    assert_eq!((decision.limit(), decision.remaining()), (10, 9));
    assert_eq!(&*all.limit_of(&("k", "k"), &decision), "tight");
    wide.check("k", 95);
    let decision = now(all.check(&("k", "k"), 1));
    assert_eq!((decision.limit(), decision.remaining()), (100, 3));
    assert_eq!(&*all.limit_of(&("k", "k"), &decision), "wide");
}

#[test]
fn a_bucket_that_stands_there_twice_is_charged_twice() {
    let clock = Manual::new();
    let bucket = named("k", TokenBucket::new(hourly(7)), &clock);
    let all = All((bucket.clone(), bucket.clone(), bucket.clone()));
    assert!(now(all.check(&("a", "b", "a"), 2)).is_admitted());
    assert_eq!(bucket.peek("a").remaining(), 3);
    assert_eq!(bucket.peek("b").remaining(), 5);
    let denied = now(all.check(&("a", "b", "a"), 2));
    assert!(denied.is_denied());
    assert_eq!(bucket.peek("b").remaining(), 5);
    clock.advance(denied.retry_after().unwrap());
    assert!(now(all.check(&("a", "b", "a"), 2)).is_admitted());
    let never = now(all.check(&("a", "b", "a"), 4));
    assert!(never.is_denied() && never.retry_after().is_none());
}

#[test]
fn a_tier_can_be_one_of_them() {
    let clock = Manual::new();
    let free = named("free", TokenBucket::new(hourly(2)), &clock);
    let paid = named("paid", TokenBucket::new(hourly(5)), &clock);
    let total = named("total", TokenBucket::new(hourly(4)), &clock);
    let all = All((Tiers::new(free).tier(1, paid), total));
    let (free, paid) = (((0, "k"), ()), ((1, "k"), ()));
    let speaks = |key, decision: &Decision| all.limit_of(key, decision).to_string();
    assert_eq!(speaks(&free, &now(all.check(&free, 3))), "free");
    assert_eq!(speaks(&paid, &now(all.check(&paid, 3))), "total");
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(String, RequestOutcome)>>);

impl Observe for Heard {
    fn decided(&self, event: &Event<'_>) {
        let heard = (event.limiter.to_owned(), event.outcome);
        self.0.lock().unwrap().push(heard);
    }
}

#[tokio::test]
async fn a_layer_speaks_for_the_limit_that_spoke() {
    let (clock, heard) = (Manual::new(), Arc::new(Heard::default()));
    let user = named("user", TokenBucket::new(hourly(3)), &clock);
    let tenant = named("tenant", SlidingWindow::new(Quota::per_day(4)), &clock);
    let everyone = Local::builder(TokenBucket::new(hourly(100)));
    let everyone = everyone.name("everyone").clock(clock.clone()).direct();
    let mut service = RateLimitLayer::new(All((user, tenant, everyone)))
        .key((key::header("user"), key::header("tenant"), Global))
        .observe(heard.clone())
        .refuse_with(Answer::new().headers(Headers::Ietf))
        .layer(Probe::new());
    let asks = async |user: &str, service: &mut _| {
        let mut request = request_with("tenant", "acme");
        request.headers_mut().insert("user", user.parse().unwrap());
        let response = send(service, request).await;
        let fields = response.headers();
        let text = |name| fields.get(name).map(|it| it.to_str().unwrap().to_owned());
        (response.status(), text("ratelimit").unwrap())
    };
    let said = asks("ann", &mut service).await;
    assert_eq!((said.0, &said.1[..9]), (StatusCode::OK, "\"user\";r="));
    asks("ann", &mut service).await;
    asks("ann", &mut service).await;
    let said = asks("ann", &mut service).await;
    assert_eq!(said.0, StatusCode::TOO_MANY_REQUESTS);
    assert!(said.1.starts_with("\"user\";r=0"), "{said:?}");
    let said = asks("bob", &mut service).await;
    assert!(said.1.starts_with("\"tenant\";r=0"), "{said:?}");
    let said = asks("bob", &mut service).await;
    assert_eq!(said.0, StatusCode::TOO_MANY_REQUESTS);
    assert!(said.1.starts_with("\"tenant\";r=0"), "{said:?}");
    assert_eq!(status(&mut service).await, StatusCode::BAD_REQUEST);
    let heard = heard.0.lock().unwrap();
    let of = |limiter: &str, outcome| (limiter.to_owned(), outcome);
    assert_eq!(heard[3], of("user", RequestOutcome::Refused));
    assert_eq!(heard[4], of("tenant", RequestOutcome::Admitted));
    assert_eq!(heard[5], of("tenant", RequestOutcome::Refused));
}

/// 10 a second, `room` of which may wait.
fn queue(room: u64) -> Local<LeakyBucket, Keyed, Tokio> {
    let rule = LeakyBucket::new(Quota::per_second(10).burst(room));
    let queue = Local::builder(rule).name("queue");
    queue.clock(Tokio::new()).keyed()
}

fn tokens(amount: u64) -> Local<TokenBucket, Keyed, Tokio> {
    let tokens = Local::builder(TokenBucket::new(hourly(amount))).name("tokens");
    tokens.clock(Tokio::new()).keyed()
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_longest_of_its_queues() {
    let (short, long, tokens) = (queue(5), queue(5), tokens(5));
    let all = All((short.clone(), tokens.clone(), long.clone()));
    assert!(long.check("k", 3).is_admitted());
    assert!(short.check("k", 1).is_admitted());
    let start = tokio::time::Instant::now();
    let turn = all.until_ready(&("k", "k", "k"), 1, Wait::none());
    assert!(matches!(turn, Check::Later(_)));
    let Ok(decision) = turn.await;
    assert_eq!(decision.verdict(), Verdict::Admit, "it has waited");
    assert_eq!(decision.waited(), ms(300));
    assert_eq!(start.elapsed(), ms(300));
    // A peek returns the same wait.
    let Ok(decision) = all.check(&("k", "k", "k"), 1).await;
    assert_eq!(decision.verdict(), Verdict::Queue(ms(100)));
    assert_eq!(tokens.peek("k").remaining(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_while_it_waits_gives_all_back() {
    let (queue, tokens) = (queue(5), tokens(5));
    let all = All((tokens.clone(), queue.clone()));
    assert!(queue.check("k", 2).is_admitted());
    let turn = all.until_ready(&("k", "k"), 1, Wait::none());
    assert_eq!(tokens.peek("k").remaining(), 4);
    assert_eq!(queue.peek("k").reset_after(), ms(300));
    drop(turn);
    assert_eq!(tokens.peek("k").remaining(), 5);
    assert_eq!(queue.peek("k").reset_after(), ms(200));
    // Those behind move up.
    let first = all.until_ready(&("k", "k"), 1, Wait::none());
    let start = tokio::time::Instant::now();
    let second = tokio::spawn(all.until_ready(&("k", "k"), 1, Wait::none()));
    sleep(ms(50)).await;
    drop(first);
    second.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(200));
    assert_eq!(tokens.peek("k").remaining(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_gives_back_nothing_that_a_credit_or_a_reset_gave_back() {
    for is_reset in [false, true] {
        let (queue, tokens) = (queue(5), tokens(5));
        let all = All((tokens.clone(), queue.clone()));
        assert!(queue.check("k", 2).is_admitted());
        let turn = all.until_ready(&("k", "k"), 2, Wait::none());
        assert_eq!(tokens.peek("k").remaining(), 3);
        match is_reset {
            true => tokens.reset("k"),
            false => tokens.credit("k", 2),
        }
        assert!(tokens.check("k", 5).is_admitted());
        drop(turn);
        assert_eq!(tokens.peek("k").remaining(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_in_a_queue_is_given_back_when_a_later_limit_refuses() {
    let (queue, tokens) = (queue(5), tokens(1));
    let all = All((queue.clone(), tokens));
    let Ok(first) = all.until_ready(&("k", "k"), 1, Wait::none()).await;
    assert!(first.is_admitted());
    for check in [
        all.check(&("k", "k"), 1),
        all.until_ready(&("k", "k"), 1, Wait::none()),
    ] {
        assert!(now(check).is_denied());
        assert_eq!(queue.peek("k").reset_after(), ms(100));
    }
}

#[tokio::test(start_paused = true)]
async fn patience_bounds_the_wait_in_a_queue_and_books_nothing_elsewhere() {
    let (queue, tokens) = (queue(5), tokens(2));
    let all = All((tokens.clone(), queue.clone()));
    assert!(queue.check("k", 3).is_admitted());
    let denied = now(all.until_ready(&("k", "k"), 1, Wait::up_to(ms(250))));
    assert!(denied.is_denied());
    assert_eq!(denied.retry_after(), Some(ms(50)));
    assert_eq!(&*all.limit_of(&("k", "k"), &denied), "queue");
    assert_eq!(tokens.peek("k").remaining(), 2);
    let full = Wait::up_to(ms(10_000)).queue(0);
    assert!(now(all.until_ready(&("k", "k"), 1, full)).is_denied());
    sleep(ms(300)).await;
    let long = Wait::up_to(Duration::from_secs(36_000));
    let pass = all.until_ready(&("k", "k"), 2, long).now_or_never();
    assert!(pass.unwrap().unwrap().is_admitted());
    sleep(ms(200)).await;
    let denied = now(all.until_ready(&("k", "k"), 1, long));
    assert_eq!(&*all.limit_of(&("k", "k"), &denied), "tokens");
    assert_eq!(queue.peek("k").reset_after(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_layer_lets_a_request_wait_and_names_the_tightest() {
    let all = All((tokens(3), queue(5)));
    let heard = Arc::new(Heard::default());
    let mut service = RateLimitLayer::new(all)
        .key((Global, Global))
        .observe(heard.clone())
        .layer(Probe::<Infallible>::new());
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(send(&mut service, request()).await.status(), StatusCode::OK);
    }
    assert_eq!(start.elapsed(), ms(200));
    let refused = send(&mut service, request()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let heard = heard.0.lock().unwrap();
    let outcomes: Vec<_> = heard.iter().map(|(_, outcome)| *outcome).collect();
    use RequestOutcome::{Admitted, Refused, Waited};
    assert_eq!(outcomes, [Admitted, Waited, Waited, Refused]);
    assert!(heard.iter().all(|(limiter, _)| limiter == "tokens"));
}

#[test]
fn a_limit_after_a_refusal_is_checked_but_not_charged() {
    let clock = Manual::new();
    let make = |amount| named("k", TokenBucket::new(hourly(amount)), &clock);
    let (first, second, third) = (make(1), make(9), make(9));
    let all = All((first.clone(), second.clone(), third.clone()));
    assert!(now(all.check(&(1, 1, 1), 1)).is_admitted());
    assert!(now(all.check(&(1, 1, 1), 1)).is_denied());
    assert_eq!(second.peek(&1).remaining(), 8);
    assert_eq!(third.peek(&1).remaining(), 8);
}
