use std::time::Duration;

use sluicegate::redis::{Connection, ErrorKind};
use tokio::runtime::Runtime;

use super::{Tally, builder, count, hasty, until};
use crate::{log::Log, server::Server};

async fn until_shut(redis: &Connection) {
    until("the breaker opens", || async {
        let error = count(redis, "k").await.expect_err("no server answers");
        error.kind() == ErrorKind::CircuitOpen
    })
    .await;
}

#[tokio::test]
async fn a_killed_server_gets_no_calls_until_it_is_back() {
    let mut server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    count(&redis, "k").await.unwrap();
    server.kill();
    until_shut(&redis).await;
    let stats = redis.stats();
    assert_eq!((stats.opened, stats.closed), (1, 0));
    assert!(stats.circuit_open >= 1 && stats.failures >= 4);

    server.restart();
    let mut tally = Tally::default();
    until("calls pass again", || async {
        count(&redis, "k").await.is_ok()
    })
    .await;
    for _ in 0..10 {
        tally.add(&count(&redis, "n").await);
    }
    tally.explains(10);
    assert_eq!(redis.stats().closed, 1);
    assert_eq!(redis.stats().connects, 2);
}

#[tokio::test]
async fn a_stopped_server_costs_each_call_its_timeout_and_then_nothing() {
    let server = Server::start();
    let redis = hasty(server.url()).connect().await.unwrap();
    count(&redis, "k").await.unwrap();
    server.stop();
    let mut tally = Tally::default();
    for _ in 0..3 {
        let late = count(&redis, "n").await;
        assert_eq!(late.as_ref().unwrap_err().kind(), ErrorKind::TimedOut);
        tally.add(&late);
    }
    for _ in 0..1_000 {
        let shut = count(&redis, "n").await;
        assert_eq!(shut.as_ref().unwrap_err().kind(), ErrorKind::CircuitOpen);
        tally.add(&shut);
    }
    assert_eq!(redis.stats().timeouts, 3);
    assert_eq!(
        redis.latency().count(),
        4,
        "what was answered at once has none"
    );
    server.go_on();
    until("calls pass again", || async {
        count(&redis, "k").await.is_ok()
    })
    .await;
    tally.add(&count(&redis, "n").await);
    tally.explains(count(&redis, "n").await.unwrap() - 1);
}

#[tokio::test]
async fn a_late_reply_goes_to_no_other_caller() {
    let server = Server::start();
    let redis = builder(server.url())
        .breaker(1_000, Duration::from_secs(1))
        .timeout(Duration::from_millis(50))
        .connect()
        .await
        .unwrap();
    let mut client = server.client();
    redis::cmd("CLIENT")
        .arg(&["PAUSE", "300"])
        .exec(&mut client)
        .unwrap();
    let mut tally = Tally::default();
    while tally.ok < 20 {
        let result = count(&redis, "n").await;
        // The counts only rise, so each reply belongs to its call.
        if let Ok(counted) = result {
            assert!(counted > tally.ok && counted <= tally.ok + tally.unsure + 1);
        }
        tally.add(&result);
    }
    assert!(redis.stats().timeouts >= 1);
    assert_eq!(redis.stats().connects, 1);
    tally.explains(redis::cmd("GET").arg("n").query(&mut client).unwrap());
}

#[tokio::test]
async fn a_service_starts_while_redis_is_down() {
    let mut server = Server::start();
    server.kill();
    let unreachable = builder(server.url()).connect().await.unwrap_err();
    assert_eq!(unreachable.kind(), ErrorKind::Unreachable, "{unreachable}");
    let redis = builder(server.url()).lazy().unwrap();
    let refused = count(&redis, "k").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unreachable, "{refused}");
    server.restart();
    until("calls pass", || async { count(&redis, "k").await.is_ok() }).await;
}

#[tokio::test]
async fn all_callers_share_one_attempt_to_connect() {
    let server = Server::start();
    let redis = builder(server.url()).lazy().unwrap();
    let calls = (0..100).map(|_| count(&redis, "n"));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(redis.stats().connects, 1);
}

#[test]
fn a_probe_outlives_the_runtime_that_it_began_on() {
    let mut server = Server::start();
    let redis = builder(server.url()).lazy().unwrap();
    let first = Runtime::new().unwrap();
    first.block_on(async {
        count(&redis, "k").await.unwrap();
        server.kill();
        until_shut(&redis).await;
    });
    drop(first);
    server.restart();
    let second = Runtime::new().unwrap();
    second.block_on(until("calls pass again", || async {
        count(&redis, "k").await.is_ok()
    }));
}

#[tokio::test]
async fn a_full_server_gets_no_calls_until_it_has_room() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let redis = builder(server.url()).connect().await.unwrap();
    count(&redis, "k").await.unwrap();
    let mut client = server.client();
    let mut set = |memory: &str| {
        let mut order = redis::cmd("CONFIG");
        order
            .arg(&["SET", "maxmemory", memory])
            .exec(&mut client)
            .unwrap();
    };
    set("1mb");
    let full = count(&redis, "k").await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Server);
    assert!(full.to_string().contains("OOM"), "{full}");
    until_shut(&redis).await;
    set("0");
    until("calls pass again", || async {
        count(&redis, "k").await.is_ok()
    })
    .await;
    assert_eq!(redis.stats().connects, 1, "its connection was fine");
}

#[tokio::test]
async fn the_log_has_one_line_for_each_change() {
    // The log of this thread, on which the probe runs, too.
    let (log, _logging) = Log::begin();
    let mut server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    server.kill();
    until_shut(&redis).await;
    server.restart();
    until("calls pass again", || async {
        count(&redis, "k").await.is_ok()
    })
    .await;
    let ours = log.lines("sluicegate::redis");
    let [opened, closed] = &ours[..] else {
        panic!("{ours:?}")
    };
    assert!(opened.contains("WARN") && opened.contains("error=redis server 127.0.0.1"));
    assert!(closed.contains("INFO") && closed.contains("redis works again"));
}

#[tokio::test]
async fn one_bad_script_opens_no_breaker() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let wrong = sluicegate::redis::Script::new("return redis.call('INCR')");
    for _ in 0..10 {
        let mut call = wrong.call(1);
        call.arg("k");
        let error = redis.run(&wrong, call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
    }
    count(&redis, "k").await.unwrap();
    assert_eq!(redis.stats().opened, 0);
}
