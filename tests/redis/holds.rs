//! Holds in Redis: charges that are settled once, or lapse.

mod all;
mod law;
mod storm;

use std::{collections::HashMap, convert::Infallible, fmt::Debug, sync::Arc, time::Duration};

use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    test_runner::{Config, TestRunner},
};
use sluicegate::{
    key,
    limit::{
        All, Check, Cost, End, FailClosed, FailOpen, FixedWindow, GiveBack, Hold, HoldError,
        HoldLimiter, LeakyBucket, Limiter, Local, OrElse, Policy, Quota, RateLimitLayer, Redis,
        RedisBuilder, Scripted, SlidingLog, SlidingWindow, TokenBucket, Wait,
    },
    redis::Connection,
};
use tokio::{runtime::Runtime, time::Instant};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    connection::{builder, until},
    server::Server,
};

/// Slow enough that nothing comes back while a test runs.
fn daily(amount: u64) -> Quota {
    Quota::per_day(amount)
}

async fn connect(server: &Server) -> Connection {
    // No call is late, however busy the machine is.
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    patient.connect().await.expect("it is up")
}

async fn left<R: Scripted>(limiter: &Redis<R, FailClosed>) -> Cost {
    limiter.peek("k").await.unwrap().remaining()
}

/// Waits until so much is left: settlements are sent in the background.
async fn until_left<R: Scripted>(limiter: &Redis<R, FailClosed>, cost: Cost) {
    until(&format!("{cost} left"), async || {
        left(limiter).await == cost
    })
    .await;
}

/// The sums of the ledger of the only key, and the number and the cost of its
/// open holds.
struct Ledger {
    sums: HashMap<String, i64>,
    open: Vec<Cost>,
}

impl Ledger {
    fn read(server: &Server) -> Self {
        Self::of_keys(server, "*")
    }

    /// That of one key of a limiter.
    fn of(server: &Server, limiter: &str, key: u64) -> Self {
        Self::of_keys(server, &format!("*{{{limiter}:{key}}}*"))
    }

    fn of_keys(server: &Server, pattern: &str) -> Self {
        let mut client = server.client();
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query(&mut client).unwrap();
        // Beside the bucket's own key, which ends with the letter of its rule.
        let is_beside = |key: &str| key.rsplit(':').next().is_some_and(|end| end.len() == 2);
        let of = |end: char| {
            let mut keys = keys.iter();
            keys.find(|key| is_beside(key) && key.ends_with(end))
                .cloned()
        };
        let sums = of('l').map(|key| redis::cmd("HGETALL").arg(key).query(&mut client).unwrap());
        let range = |key| {
            redis::cmd("ZRANGE")
                .arg(&[key, "0".into(), "-1".into()])
                .to_owned()
        };
        let open = of('h').map(|key| range(key).query::<Vec<String>>(&mut client).unwrap());
        let cost = |member: &String| member.split(' ').next().unwrap().parse().unwrap();
        Self {
            sums: sums.unwrap_or_default(),
            open: open.unwrap_or_default().iter().map(cost).collect(),
        }
    }

    fn sum(&self, of: &str) -> i64 {
        self.sums.get(of).copied().unwrap_or(0)
    }

    /// What was charged and is none of these: settled, given back, lapsed,
    /// untracked, open.
    fn unaccounted(&self) -> i64 {
        let open: Cost = self.open.iter().sum();
        let ended = ["settled", "given back", "lapsed", "untracked"].map(|of| self.sum(of));
        self.sum("charged") - ended.iter().sum::<i64>() - open as i64
    }
}

/// A limiter, and whether a bucket of its rule has 10.
async fn settles<R: Scripted>(name: &str, rule: R, connection: &Connection) {
    let limiter = Redis::new(name, rule, connection, FailClosed);
    let hold = limiter.hold("k", 6).await.unwrap();
    assert_eq!((hold.decision().remaining(), left(&limiter).await), (4, 4));
    let denied = limiter.hold("k", 5).await.unwrap_err();
    assert!(denied.denial().is_some(), "{name}");
    hold.settle(2);
    until_left(&limiter, 8).await;
    limiter.hold("k", 3).await.unwrap().give_back();
    until_left(&limiter, 8).await;
    limiter.hold("k", 3).await.unwrap().keep();
    until_left(&limiter, 5).await;
    drop(limiter.hold("k", 2).await.unwrap().or_give_back());
    until_left(&limiter, 5).await;
    // Over-use becomes debt, which a credit pays back.
    limiter.hold("k", 5).await.unwrap().settle(9);
    until_left(&limiter, 0).await;
    limiter.credit("k", 4).await.unwrap();
    assert_eq!(left(&limiter).await, 0, "{name}");
    limiter.credit("k", 1).await.unwrap();
    assert_eq!(left(&limiter).await, 1, "{name}");
}

#[tokio::test]
async fn every_rule_settles() {
    let server = Server::start();
    let connection = connect(&server).await;
    settles("bucket", TokenBucket::new(daily(10)), &connection).await;
    settles("meter", LeakyBucket::meter(daily(10)), &connection).await;
    settles("window", SlidingWindow::new(daily(10)), &connection).await;
    settles("fixed", FixedWindow::new(daily(10)), &connection).await;
    settles("log", SlidingLog::new(daily(10)), &connection).await;
}

fn short(connection: &Connection) -> RedisBuilder<TokenBucket> {
    Redis::builder("api", TokenBucket::new(daily(100)), connection)
        .hold_term(Duration::from_millis(1))
}

/// Waits until all holds have lapsed. Only a hold makes them lapse.
async fn until_lapsed(limiter: &Redis<TokenBucket, FailClosed>, holds: u64) {
    until("holds lapse", async || {
        limiter.hold("k", 0).await.unwrap().keep();
        limiter.counts().lapsed_holds >= holds
    })
    .await;
}

#[tokio::test]
async fn an_orphan_keeps_its_charge_or_gives_it_back() {
    let server = Server::start();
    let connection = connect(&server).await;
    let keeps = short(&connection).build(FailClosed);
    std::mem::forget(keeps.hold("k", 40).await.unwrap());
    until_lapsed(&keeps, 1).await;
    assert_eq!(left(&keeps).await, 60);
    let gives_back = short(&connection).give_back_orphans().build(FailClosed);
    std::mem::forget(gives_back.hold("k", 50).await.unwrap());
    until_lapsed(&gives_back, 1).await;
    assert_eq!(left(&gives_back).await, 60);
    assert_eq!(Ledger::read(&server).unaccounted(), 0);
}

#[tokio::test]
async fn a_late_settlement_charges_what_is_missing() {
    let server = Server::start();
    let connection = connect(&server).await;
    let limiter = short(&connection).give_back_orphans().build(FailClosed);
    let late = limiter.hold("k", 50).await.unwrap();
    until_lapsed(&limiter, 1).await;
    assert_eq!(left(&limiter).await, 100);
    late.settle(30);
    until_left(&limiter, 70).await;
    let keeps = short(&connection).build(FailClosed);
    let late = keeps.hold("k", 20).await.unwrap();
    until_lapsed(&keeps, 1).await;
    late.settle(25);
    until_left(&limiter, 45).await;
    assert_eq!(Ledger::read(&server).unaccounted(), 0);
}

#[tokio::test]
async fn a_key_has_64_holds_and_the_rest_are_charged_too() {
    let server = Server::start();
    let rule = TokenBucket::new(daily(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    let holds = join_all((0..80).map(|_| limiter.hold("k", 2))).await;
    assert_eq!(left(&limiter).await, 840);
    let ledger = Ledger::read(&server);
    assert_eq!((ledger.open.len(), ledger.sum("untracked")), (64, 32));
    holds.into_iter().for_each(|hold| hold.unwrap().settle(1));
    until_left(&limiter, 920).await;
    let ledger = Ledger::read(&server);
    assert_eq!((ledger.open.len(), ledger.unaccounted()), (0, 0));
}

#[tokio::test]
async fn a_hold_whose_caller_has_gone_is_given_back() {
    let server = Server::start();
    let rule = TokenBucket::new(daily(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    let holds: Vec<_> = (0..50).map(|_| limiter.hold("k", 7)).collect();
    until("one was sent", async || {
        Ledger::read(&server).sum("charged") > 0
    })
    .await;
    // The replies that have come are not read, and others are yet to come.
    drop(holds);
    until("all are given back", async || {
        let ledger = Ledger::read(&server);
        ledger.sum("charged") == ledger.sum("given back")
    })
    .await;
    until_left(&limiter, 1_000).await;
}

#[tokio::test]
async fn a_hold_waits_for_its_place_and_gives_it_back() {
    let server = Server::start();
    let rule = LeakyBucket::new(Quota::per_second(10).burst(10));
    let limiter = Redis::new("queue", rule, &connect(&server).await, FailClosed);
    let wait = Wait::up_to(Duration::from_secs(60));
    limiter.hold_until_ready("k", 1, wait).await.unwrap().keep();
    let start = Instant::now();
    let hold = limiter.hold_until_ready("k", 1, wait).await.unwrap();
    // A lower bound cannot fail because of load.
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(!hold.decision().waited().is_zero());
    drop(limiter.hold_until_ready("k", 5, wait));
    until("the place is given back", async || {
        Ledger::read(&server).open.len() == 1
    })
    .await;
    hold.keep();
}

async fn when_it_is_down<P: Policy>(policy: P) -> Result<Hold, HoldError<P::Error>>
where
    P::Error: Debug,
{
    let mut server = Server::start();
    let connection = builder(server.url().as_str()).connect().await.unwrap();
    let limiter = Redis::new("api", TokenBucket::new(daily(10)), &connection, policy);
    server.kill();
    limiter.hold("k", 4).await
}

#[tokio::test]
async fn the_policy_holds_when_redis_does_not_answer() {
    let open = when_it_is_down(FailOpen).await.unwrap();
    assert_eq!(open.decision().remaining(), 6);
    open.settle(9);
    let closed = when_it_is_down(FailClosed).await.unwrap_err();
    assert!(matches!(closed, HoldError::Limiter(_)));
    let local = Local::keyed(TokenBucket::new(daily(5)));
    let held = when_it_is_down(OrElse(local.clone())).await.unwrap();
    assert_eq!(local.peek("k").remaining(), 1);
    held.settle(1);
    assert_eq!(local.peek("k").remaining(), 4);
}

#[tokio::test]
async fn a_hold_and_its_settlement_are_two_commands() {
    let server = Server::start();
    let rule = TokenBucket::new(daily(1_000));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    limiter.hold("k", 1).await.unwrap().settle(0);
    until_left(&limiter, 1_000).await;
    let before = limiter.counts().requests;
    for _ in 0..20 {
        limiter.hold("k", 2).await.unwrap().settle(1);
    }
    let settled = async || Ledger::read(&server).sum("settled") == 20;
    until("all are settled", settled).await;
    assert_eq!(limiter.counts().requests - before, 40);
}

#[tokio::test]
async fn all_limits_hold_and_settle_or_none() {
    let server = Server::start();
    let connection = connect(&server).await;
    let limit = |name, amount| {
        let rule = TokenBucket::new(daily(amount));
        Redis::new(name, rule, &connection, FailClosed)
    };
    let (user, tenant) = (limit("user", 10), limit("tenant", 15));
    let here = Local::keyed(TokenBucket::new(daily(100)));
    let all = All((here.clone(), user.clone(), tenant.clone())).one_key();
    let hold = all.hold("k", 8).await.unwrap();
    let left_here = || here.peek("k").remaining();
    assert_eq!(
        (left_here(), left(&user).await, left(&tenant).await),
        (92, 2, 7)
    );
    hold.settle(5);
    until_left(&user, 5).await;
    until_left(&tenant, 10).await;
    assert_eq!(left_here(), 95);
    // The tenant's limit denies, and the others get their charges back.
    tenant.debit("k", 8).await.unwrap();
    let denied = all.hold("k", 3).await.unwrap_err();
    assert!(denied.denial().is_some_and(|denial| denial.limit() == 15));
    until_left(&user, 5).await;
    assert_eq!((left_here(), left(&tenant).await), (95, 2));
    // A caller that has gone leaves no charge.
    drop(all.hold("k", 2));
    until_left(&user, 5).await;
    until_left(&tenant, 2).await;
    assert_eq!(left_here(), 95);
}

#[tokio::test]
async fn if_one_limit_fails_closed_all_charges_go_back() {
    let mut server = Server::start();
    let connection = builder(server.url().as_str()).connect().await.unwrap();
    let far = Redis::new("far", TokenBucket::new(daily(10)), &connection, FailClosed);
    let here = Local::keyed(TokenBucket::new(daily(100)));
    let all = All((here.clone(), far)).one_key();
    server.kill();
    let failed = all.hold("k", 8).await.unwrap_err();
    assert!(matches!(failed, HoldError::Limiter(_)));
    assert_eq!(here.peek("k").remaining(), 100);
}

#[tokio::test]
async fn a_layer_settles_for_the_fleet() {
    let server = Server::start();
    let rule = TokenBucket::new(daily(100));
    let limiter = Redis::new("api", rule, &connect(&server).await, FailClosed);
    let layer = RateLimitLayer::new(limiter.clone())
        .key(key::by(|_: &Request<String>| Some("k")))
        .cost(|_: &Request<String>| 40)
        .settle(|end: &End<'_>| end.bytes());
    let answer = service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::new(String::from("hello")))
    });
    let response = layer
        .layer(answer)
        .oneshot(Request::default())
        .await
        .unwrap();
    assert_eq!(left(&limiter).await, 60);
    response.into_body().collect().await.unwrap();
    until_left(&limiter, 95).await;
}

/// A step of a history on one bucket. Holds are chosen by their index.
#[derive(Clone, Debug)]
enum Step {
    Check(Cost),
    Hold(Cost),
    Settle(usize, Cost),
    GiveBack(usize),
    /// Its holder crashes.
    Forget(usize),
    /// A call is dropped before its reply.
    Leave(Cost),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0..4_u64).prop_map(Step::Check),
        4 => (0..6_u64).prop_map(Step::Hold),
        3 => (any::<usize>(), 0..9_u64).prop_map(|(hold, actual)| Step::Settle(hold, actual)),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::Forget),
        1 => (0..6_u64).prop_map(Step::Leave),
    ];
    vec(step, 1..30)
}

/// Plays the steps on two instances in turn.
async fn play<L: HoldLimiter<str>>(instances: &[L; 2], steps: &[Step]) {
    let mut open: Vec<Hold<GiveBack>> = Vec::new();
    for (turn, step) in steps.iter().enumerate() {
        let limiter = &instances[turn % 2];
        let mut take = |hold: usize| {
            let is_there = !open.is_empty();
            is_there.then(|| open.swap_remove(hold % open.len()))
        };
        match *step {
            Step::Check(cost) => {
                if let Check::Later(reply) = Limiter::check(limiter, "k", cost) {
                    let _ = reply.await;
                }
            }
            Step::Hold(cost) => {
                if let Ok(hold) = limiter.hold("k", cost).await {
                    open.push(hold.or_give_back());
                }
            }
            Step::Settle(hold, actual) => {
                if let Some(hold) = take(hold) {
                    hold.settle(actual);
                }
            }
            Step::GiveBack(hold) => drop(take(hold)),
            Step::Forget(hold) => {
                if let Some(hold) = take(hold) {
                    std::mem::forget(hold);
                }
            }
            Step::Leave(cost) => drop(limiter.hold("k", cost)),
        }
    }
}

fn accounts<R: Scripted>(rule: R) {
    let limiter =
        |connection: &Connection| Redis::builder("api", rule.clone(), connection).build(FailClosed);
    accounts_for(&["api"], limiter);
}

/// Plays random histories to two instances of a limiter of these limits in Redis.
fn accounts_for<L: HoldLimiter<str>>(limits: &[&str], limiter: impl Fn(&Connection) -> L) {
    let (server, runtime) = (Server::start(), Runtime::new().unwrap());
    let server = Arc::new(server);
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    runner
        .run(&steps(), |steps| {
            runtime.block_on(async {
                redis::cmd("FLUSHALL").exec(&mut server.client()).unwrap();
                let connections = [connect(&server).await, connect(&server).await];
                play(&connections.each_ref().map(&limiter), &steps).await;
                let ledger = |limit: &&str| Ledger::of_keys(&server, &format!("*{{{limit}:k}}*"));
                until("all is accounted for", async || {
                    limits.iter().all(|limit| ledger(limit).unaccounted() == 0)
                })
                .await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_charged_is_accounted_for() {
    accounts(TokenBucket::new(Quota::per_second(10).burst(20)));
    accounts(SlidingWindow::new(Quota::per_second(20)));
    accounts(SlidingLog::new(Quota::per_second(20)));
    accounts(LeakyBucket::new(Quota::per_second(10).burst(20)));
}
