//! A budget of retries that a fleet shares. Several budgets of one name stand for
//! several processes: they share nothing but the server.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use redis::{Commands, Script};
use sluicegate::{
    client::{
        RetryBudget, RetryLayer,
        retry::{BudgetTwin, Counts, Stop},
    },
    deadline::{self, Deadline},
};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

use crate::{connection::builder, server::Server};

const SLOT: u64 = 500_000;

fn script() -> Script {
    Script::new(concat!(
        include_str!("../../lua/clock.lua"),
        include_str!("../../lua/prelude.lua"),
        include_str!("../../lua/retry_budget.lua"),
    ))
}

/// One process, with ways to count its attempts.
struct Process {
    layer: RetryLayer,
    counts: Arc<Counts>,
}

impl Process {
    async fn start(server: &Server, reserve: u64) -> Self {
        let connection = builder(server.url()).connect().await.unwrap();
        let budget = RetryBudget::builder().reserve(reserve);
        Self::of(budget.redis("orders", &connection))
    }

    fn of(budget: RetryBudget) -> Self {
        let counts = Arc::new(Counts::default());
        let moment = Duration::from_nanos(1);
        let layer = RetryLayer::new()
            .backoff(moment, moment)
            .max_retries(1)
            .budget(budget)
            .observe(counts.clone());
        Self { layer, counts }
    }

    /// Makes calls with this status. Returns how many retries followed.
    async fn calls(&self, calls: u64, status: u16) -> u64 {
        let attempts = Arc::new(AtomicU64::new(0));
        let client = self.layer.layer(service_fn(|_: Request<Full<Bytes>>| {
            attempts.fetch_add(1, Relaxed);
            let response = Response::builder().status(status);
            let response = response.body(Full::new(Bytes::from("whole"))).unwrap();
            async { Ok::<_, Infallible>(response) }
        }));
        for _ in 0..calls {
            let response = client.clone().oneshot(Request::default());
            let body = response.await.unwrap().into_body().collect().await;
            assert_eq!(body.unwrap().to_bytes(), "whole");
        }
        attempts.load(Relaxed) - calls
    }
}

#[tokio::test]
async fn processes_together_spend_one_reserve() {
    let server = Server::start();
    let mut processes = Vec::new();
    for _ in 0..20 {
        let process = Process::start(&server, 2).await;
        assert_eq!(process.calls(20, 200).await, 0);
        processes.push(process);
    }
    // Alone, each has two retries. Each brings requests for its first one.
    let mut retries = [0, 0];
    for round in &mut retries {
        for process in &processes {
            *round += process.calls(1, 503).await;
        }
    }
    assert_eq!(retries, [20, 3]);
    for process in processes {
        let counted = process.counts.snapshot();
        assert_eq!(counted.fleet_unavailable, 0);
        assert_eq!(counted.retries() + counted.stopped(Stop::Budget), 2);
    }
}

/// Returns the only key of the budget.
fn orders(client: &mut redis::Connection) -> String {
    let keys: Vec<_> = client.keys("*orders*").unwrap();
    let [key]: [String; 1] = keys.try_into().unwrap();
    key
}

/// Returns how many requests the fleet was told of.
fn told(server: &Server) -> u64 {
    let mut client = server.client();
    let key = orders(&mut client);
    let counts: Vec<(String, u64)> = client.hgetall(key).unwrap();
    let requests = counts.iter().filter(|(field, _)| field.starts_with('q'));
    requests.map(|(_, count)| count).sum()
}

#[tokio::test]
async fn requests_during_the_pause_after_a_denial_are_told_later() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    // A slot is three minutes, so the server stays in one, or in two.
    let budget = RetryBudget::builder()
        .reserve(2)
        .window(Duration::from_secs(3_600));
    let processes = [(); 2].map(|()| Process::of(budget.redis("orders", &connection)));
    for process in &processes {
        process.calls(20, 200).await;
        assert_eq!(process.calls(1, 503).await, 1);
    }
    // The second one gets the last retry of the reserve, and the first none.
    assert_eq!(processes[1].calls(1, 503).await, 1);
    assert_eq!(processes[0].calls(1, 503).await, 0);
    assert_eq!(told(&server), 44);
    assert_eq!(processes[0].calls(7, 503).await, 0);
    assert_eq!(told(&server), 44, "it is not asked again so soon");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(180)).await;
    tokio::time::resume();
    processes[0].calls(1, 503).await;
    assert_eq!(told(&server), 44 + 7 + 1);
}

#[tokio::test]
async fn a_fleet_that_does_not_answer_is_not_waited_for_beyond_the_deadline() {
    let server = Server::start();
    let hour = Duration::from_secs(3_600);
    let connection = builder(server.url()).timeout(hour).connect().await.unwrap();
    let process = Process::of(RetryBudget::builder().redis("orders", &connection));
    process.calls(20, 200).await;
    server.stop();
    // Time goes on to the next timer when nothing else can happen.
    tokio::time::pause();
    let deadline = Deadline::after(Duration::from_secs(10));
    let call = deadline::scope(deadline, process.calls(1, 503));
    let retries = timeout(Duration::from_secs(60), call).await;
    server.go_on();
    assert_eq!(retries.expect("it waits until the deadline"), 0);
    let counted = process.counts.snapshot();
    assert_eq!(
        (counted.fleet_unavailable, counted.stopped_by_deadline),
        (1, 1)
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_while_the_fleet_decides_gives_its_retry_back() {
    let mut server = Server::start();
    let process = Process::start(&server, 10).await;
    process.calls(29, 200).await;
    server.stop();
    tokio::time::pause();
    let asking = process.calls(1, 503);
    let dropped = timeout(Duration::from_secs(1), asking).await;
    assert!(dropped.is_err(), "a stopped server does not answer");
    tokio::time::resume();
    server.kill();
    // 35 requests allow three retries.
    assert_eq!(process.calls(5, 503).await, 3);
}

#[tokio::test]
async fn without_redis_the_budget_of_the_process_decides() {
    let mut server = Server::start();
    let process = Process::start(&server, 10).await;
    process.calls(30, 200).await;
    assert_eq!(process.calls(1, 503).await, 1);
    server.kill();
    // 41 requests allow four retries, of which one was sent.
    assert_eq!(process.calls(10, 503).await, 3);
    assert_eq!(process.counts.snapshot().fleet_unavailable, 3);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_left_alone() {
    let server = Server::start();
    let process = Process::start(&server, 10).await;
    process.calls(20, 200).await;
    assert_eq!(process.calls(1, 503).await, 1);
    let mut client = server.client();
    let key = orders(&mut client);
    let expiry: i64 = client.pttl(&key).unwrap();
    assert!((1..=10_500).contains(&expiry), "{expiry} ms");
    for garbage in ["SET", "HSET"] {
        let mut set = redis::cmd(garbage);
        set.arg(&key).arg("balance");
        if garbage == "HSET" {
            _ = client.del::<_, ()>(&key);
            set.arg("much");
        }
        set.query::<()>(&mut client).unwrap();
        let before = dump(&mut client, &key);
        let reply: i64 = call(&mut client, &key, 1, [10, 0, 10], 5);
        assert_eq!(reply, -1);
        assert_eq!(dump(&mut client, &key), before);
    }
    assert_eq!(process.calls(1, 503).await, 1);
    assert_eq!(process.counts.snapshot().fleet_unavailable, 1);
}

fn dump(client: &mut redis::Connection, key: &str) -> Vec<u8> {
    redis::cmd("DUMP").arg(key).query(client).unwrap()
}

/// Calls the script at an instant, with requests of the present slot.
fn call(
    client: &mut redis::Connection,
    key: &str,
    now: u64,
    numbers: [u64; 3],
    requests: u64,
) -> i64 {
    let script = script();
    let mut call = script.key(key);
    call.arg(now);
    for number in numbers {
        call.arg(number);
    }
    call.arg(SLOT).arg(0).arg(requests);
    let [reply]: [i64; 1] = call.invoke(client).unwrap();
    reply
}

#[test]
fn the_script_decides_like_the_rule() {
    let server = Server::start();
    let keys = AtomicU64::new(0);
    let numbers = (0_u64..=100, 0_u64..4, 1_u64..12);
    let steps = proptest::collection::vec((0_u64..3_000_000, 0_u64..40), 1..60);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let checked = runner.run(&(numbers, steps), |((percent, minimum, reserve), steps)| {
        let mut client = server.client();
        let key = format!("twin {}", keys.fetch_add(1, Relaxed));
        let mut rule = BudgetTwin::new(percent, minimum, reserve);
        let mut now = 1_000_000_000;
        for (gap, requests) in steps {
            // Some steps are in the same slot.
            now += if gap % 3 == 0 { gap } else { 0 };
            let expected = rule.decide(now / SLOT, requests);
            let numbers = [percent, minimum, reserve];
            let reply = call(&mut client, &key, now, numbers, requests);
            prop_assert_eq!(reply, i64::from(expected), "at {}", now);
        }
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn slots_that_will_not_pass_for_long_are_dropped() {
    let server = Server::start();
    let mut client = server.client();
    let (now, numbers) = (2_000_000_000, [10, 0, 10]);
    let mut decide = |now, requests| call(&mut client, "stepped", now, numbers, requests);
    assert_eq!(decide(now, 200), 1);
    // The clock steps back by a window: what was counted counts on.
    assert_eq!(decide(now - 20 * SLOT, 0), 1);
    // It steps back by more, or another process has longer slots.
    assert_eq!(decide(now - 21 * SLOT, 0), 0);
    assert_eq!(decide(now - 20 * SLOT, 0), 0);
    assert_eq!(decide(now - 20 * SLOT, 20), 1);
}

#[test]
fn requests_count_by_their_age() {
    let server = Server::start();
    let mut client = server.client();
    let script = script();
    let mut tell = |now: u64, requests: &[(u64, u64)]| -> i64 {
        let mut call = script.key("aged");
        call.arg(now * SLOT).arg(10).arg(0).arg(10).arg(SLOT);
        for (age, count) in requests {
            call.arg(age).arg(count);
        }
        let [reply]: [i64; 1] = call.invoke(&mut client).unwrap();
        reply
    };
    assert_eq!(tell(100, &[(19, 10), (0, 9)]), 1);
    assert_eq!(tell(100, &[(0, 1)]), 1, "20 requests");
    assert_eq!(
        tell(101, &[(0, 30)]),
        1,
        "40 requests, 10 of them forgotten"
    );
    assert_eq!(
        tell(101, &[(0, 9)]),
        1,
        "50 requests, and 4 retries with this one"
    );
    assert_eq!(tell(101, &[(0, 1)]), 1, "50 requests, and 5");
    assert_eq!(tell(101, &[(0, 1)]), 0, "51 requests, and 6");
}
