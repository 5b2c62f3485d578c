use std::{future::ready, time::Duration};

use futures_util::future::join_all;
use sluicegate::redis::ErrorKind;
use tokio::{runtime::Handle, task::yield_now};

use super::{Tally, builder, count, until};
use crate::{scratch::Scratch, server::Server};

#[tokio::test]
async fn nothing_runs_twice_when_connections_are_killed() {
    let server = Server::start();
    let redis = builder(server.url())
        .breaker(1_000_000, Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut killer = client.get_multiplexed_async_connection().await.unwrap();
    let mut order = redis::cmd("CLIENT");
    order.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let mut tally = Tally::default();
    for _ in 0..30 {
        tally.add(&count(&redis, "n").await);
        // Calls and kill arrive together, so that the calls run, and their
        // answers are lost.
        server.stop();
        let calls = join_all((0..50).map(|_| count(&redis, "n")));
        let kill = async {
            some_turns().await;
            let killing = order.exec_async(&mut killer);
            let going_on = async {
                some_turns().await;
                server.go_on();
            };
            futures_util::join!(killing, going_on).0.unwrap();
        };
        let (results, ()) = futures_util::join!(calls, kill);
        results.iter().for_each(|result| tally.add(result));
    }
    assert!(redis.stats().connects > 2, "{:?}", redis.stats());
    let counted = redis::cmd("GET").arg("n").query(&mut server.client());
    let counted = counted.unwrap();
    tally.explains(counted);
    assert!(counted > tally.ok, "no answer was lost: {tally:?}");
}

/// Lets the connection write what is ready.
async fn some_turns() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test]
async fn nothing_runs_twice_when_a_server_crashes() {
    let scratch = Scratch::new();
    let mut server = Server::with(&[
        "--dir",
        scratch.path(),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    let redis = builder(server.url()).connect().await.unwrap();
    let mut tally = Tally::default();
    for _ in 0..3 {
        let opened = redis.stats().opened;
        let traffic = async {
            let mut results = Vec::new();
            while redis.stats().opened == opened {
                results.extend(join_all((0..50).map(|_| count(&redis, "n"))).await);
            }
            results
        };
        let crash = async {
            let calls = redis.stats().calls;
            until("some traffic", || ready(redis.stats().calls > calls + 500)).await;
            server.kill();
            until("it is noticed", || ready(redis.stats().opened > opened)).await;
            server.restart();
            until("it is back", || ready(redis.stats().closed > opened)).await;
        };
        let (results, ()) = futures_util::join!(traffic, crash);
        results.iter().for_each(|result| tally.add(result));
    }
    assert!(tally.ok >= 500 && tally.unsure > 0, "{tally:?}");
    tally.explains(
        redis::cmd("GET")
            .arg("n")
            .query(&mut server.client())
            .unwrap(),
    );
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_sent_along_once() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let mut client = server.client();
    for round in 1..=3 {
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut client).unwrap();
        assert_eq!(count(&redis, "n").await.unwrap(), 2 * round - 1);
        assert_eq!(count(&redis, "n").await.unwrap(), 2 * round);
        assert_eq!(redis.stats().unknown_scripts, round as u64);
    }
    let stats = redis.stats();
    assert_eq!((stats.calls, stats.failures), (6, 0));
}

#[tokio::test]
async fn a_dropped_call_disturbs_no_other() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    for _ in 0..100 {
        let given_up = tokio::time::timeout(Duration::ZERO, count(&redis, "dropped")).await;
        drop(given_up);
        count(&redis, "n").await.unwrap();
    }
    assert_eq!(count(&redis, "n").await.unwrap(), 101);
    assert!(count(&redis, "dropped").await.unwrap() <= 101);
}

#[tokio::test]
async fn no_call_fails_because_an_idle_connection_was_closed() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let quiet = Server::start();
    let other = builder(quiet.url()).connect().await.unwrap();
    for round in 1..=5 {
        let mut order = redis::cmd("CLIENT");
        order.arg(&["KILL", "TYPE", "normal"]);
        order.exec(&mut server.client()).unwrap();
        // Lets the connection learn that it is closed.
        for _ in 0..20 {
            count(&other, "k").await.unwrap();
        }
        assert_eq!(count(&redis, "n").await.unwrap(), round);
    }
    assert_eq!(redis.stats().connects, 6);
}

#[tokio::test]
async fn resp2_does_where_it_is_asked_for() {
    let server = Server::start();
    let url = format!("{}?protocol=2", server.url());
    let redis = builder(url).connect().await.unwrap();
    assert_eq!(count(&redis, "n").await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_is_left_when_all_handles_are_dropped() {
    let mut server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let clone = redis.clone();
    count(&redis, "n").await.unwrap();
    let mut client = server.client();
    let mut clients = || {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut client).unwrap();
        list.lines().count()
    };
    drop(redis);
    assert_eq!(clients(), 2);
    drop(clone);
    until("it is closed", || ready(clients() == 1)).await;

    // No task of these runtimes probes.
    let redis = builder(server.url()).connect().await.unwrap();
    server.kill();
    while count(&redis, "n").await.unwrap_err().kind() != ErrorKind::CircuitOpen {}
    let probing = Handle::current().metrics();
    assert!(probing.num_alive_tasks() >= 1);
    drop(redis);
    until("its tasks end", || ready(probing.num_alive_tasks() == 0)).await;
}
