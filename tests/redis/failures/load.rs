//! One server, under the load of many tasks.

use std::{future::ready, time::Duration};

use super::{accounts::Load, limiter, stubborn};
use crate::{
    connection::{builder, hasty, until},
    scratch::Scratch,
    server::Server,
};

fn order(server: &Server, words: &[&str]) {
    let mut order = redis::cmd(words[0]);
    order.arg(&words[1..]);
    order.exec(&mut server.client()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_fail_no_call() {
    let server = Server::start();
    let (connection, limiter) = limiter(builder(server.url())).await;
    let load = Load::on(&limiter);
    for _ in 0..20 {
        load.until_admitted().await;
        let before = connection.stats().unknown_scripts;
        order(&server, &["SCRIPT", "FLUSH"]);
        let noticed = || ready(connection.stats().unknown_scripts > before);
        until("it is noticed", noticed).await;
    }
    load.until_admitted().await;
    load.end().await.balance_without_failures().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_charged_twice_when_a_server_crashes() {
    let scratch = Scratch::new();
    let keep = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut server = Server::with(&[&["--dir", scratch.path()], &keep[..]].concat());
    let (connection, limiter) = limiter(builder(server.url())).await;
    let load = Load::on(&limiter);
    for round in 1..=3 {
        load.until_admitted().await;
        server.kill();
        load.until_refused().await;
        server.restart();
        load.until_admitted().await;
        assert!(connection.stats().closed >= round);
    }
    load.end().await.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_that_a_server_has_lost_are_whole_again() {
    let mut server = Server::start();
    let (_, limiter) = limiter(builder(server.url())).await;
    limiter.debit("k", 1_000).await.unwrap();
    let load = Load::on(&limiter);
    load.until_admitted().await;
    server.kill();
    load.until_refused().await;
    load.end().await;
    server.restart();
    until("Redis answers", || async {
        limiter.peek("k").await.is_ok()
    })
    .await;
    let afresh = Load::of(&limiter, ["k".to_owned()]);
    afresh.until_admitted().await;
    afresh.end().await.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_charged_twice_when_a_server_stops_and_goes_on() {
    let server = Server::start();
    let (connection, limiter) = limiter(hasty(server.url())).await;
    let load = Load::on(&limiter);
    for _ in 0..3 {
        load.until_admitted().await;
        server.stop();
        load.until_refused().await;
        server.go_on();
    }
    load.until_admitted().await;
    assert!(connection.stats().timeouts > 0);
    load.end().await.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_charged_twice_when_a_server_pauses() {
    let server = Server::start();
    // So that the pause outlasts calls, and not the breaker's patience.
    let hasty = builder(server.url()).timeout(Duration::from_millis(50));
    let (connection, limiter) = limiter(stubborn(hasty)).await;
    let load = Load::on(&limiter);
    for _ in 0..3 {
        load.until_admitted().await;
        order(&server, &["CLIENT", "PAUSE", "300"]);
        load.until_unsure().await;
    }
    load.until_admitted().await;
    assert!(connection.stats().timeouts > 0);
    assert_eq!(connection.stats().connects, 1);
    load.end().await.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_charged_twice_when_connections_are_killed() {
    let server = Server::start();
    let (connection, limiter) = limiter(stubborn(builder(server.url()))).await;
    let load = Load::on(&limiter);
    for _ in 0..30 {
        let connects = connection.stats().connects;
        order(
            &server,
            &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
        );
        let again = || ready(connection.stats().connects > connects);
        until("it connects again", again).await;
        load.until_admitted().await;
    }
    load.end().await.balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_a_full_server_rejects_is_not_charged() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let (connection, limiter) = limiter(builder(server.url())).await;
    let load = Load::on(&limiter);
    for round in 1..=3 {
        load.until_admitted().await;
        order(&server, &["CONFIG", "SET", "maxmemory", "1"]);
        load.until_refused().await;
        assert!(connection.stats().opened >= round);
        order(&server, &["CONFIG", "SET", "maxmemory", "0"]);
    }
    load.until_admitted().await;
    load.end().await.balance_without_doubts().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_a_replica_rejects_is_not_charged() {
    let server = Server::start();
    let (connection, limiter) = limiter(builder(server.url())).await;
    let load = Load::on(&limiter);
    for round in 1..=3 {
        load.until_admitted().await;
        // The key of no caller, so that its bucket does not change.
        order(&server, &["REPLICAOF", "127.0.0.1", "1"]);
        load.until_refused().await;
        assert!(connection.stats().opened >= round);
        order(&server, &["REPLICAOF", "NO", "ONE"]);
    }
    load.until_admitted().await;
    load.end().await.balance().await;
}
