use std::time::Duration;

use sluicegate::redis::{ErrorKind, Server as Place};
use tokio::time::timeout;

use super::{Tally, builder, count, hasty, until};
use crate::{fake, sentinel::Sentinel, server::Server};

#[tokio::test]
async fn a_primary_that_became_a_replica_gets_no_calls() {
    let other = Server::primary();
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    count(&redis, "n").await.unwrap();
    let mut client = server.client();
    let mut order = redis::cmd("REPLICAOF");
    order
        .arg("127.0.0.1")
        .arg(other.port())
        .exec(&mut client)
        .unwrap();
    let error = count(&redis, "n").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Server, "{error}");
    until("the breaker opens", || async {
        count(&redis, "n").await.unwrap_err().kind() == ErrorKind::CircuitOpen
    })
    .await;
    // A probe that only read would find nothing wrong with it.
    let connects = redis.stats().connects;
    until("some probes", || async {
        redis.stats().connects > connects + 2
    })
    .await;
    assert_eq!(redis.stats().closed, 0);

    redis::cmd("REPLICAOF")
        .arg(&["NO", "ONE"])
        .exec(&mut client)
        .unwrap();
    until("calls pass again", || async {
        count(&redis, "n").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn calls_follow_the_primary_that_sentinels_name() {
    let first = Server::primary();
    let second = first.replica();
    let sentinel = Sentinel::watching(first.port());
    // A sentinel that is down, and first in the list.
    let sentinels = ["redis://127.0.0.1:1".to_owned(), sentinel.url()];
    let redis = builder(Place::sentinel(sentinels, "mymaster"))
        .connect()
        .await
        .unwrap();
    count(&redis, "before").await.unwrap();
    assert_eq!(get(&first, "before"), Some(1));

    until("the sentinel sees the replica", || async {
        sentinel.fail_over()
    })
    .await;
    until("calls reach the new primary", || async {
        count(&redis, "after").await.is_ok() && get(&second, "after").is_some()
    })
    .await;
    let mut tally = Tally::default();
    for _ in 0..10 {
        tally.add(&count(&redis, "n").await);
    }
    assert_eq!(tally.ok, 10);
    tally.explains(get(&second, "n").unwrap());
}

#[tokio::test]
async fn a_killed_primary_is_replaced() {
    let mut first = Server::primary();
    let second = first.replica();
    let sentinel = Sentinel::watching(first.port());
    let redis = builder(Place::sentinel([sentinel.url()], "redis://mymaster"))
        .connect()
        .await
        .unwrap();
    count(&redis, "n").await.unwrap();
    first.kill();
    until("calls reach the new primary", || async {
        count(&redis, "n").await.is_ok()
    })
    .await;
    assert!(is_primary(&second));
    assert!(get(&second, "n").is_some());
    let unknown = builder(Place::sentinel([sentinel.url()], "nobody"))
        .connect()
        .await;
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Config);
    assert!(
        unknown
            .to_string()
            .contains("invalid redis primary \"nobody\""),
        "{unknown}"
    );
}

#[tokio::test]
async fn a_server_that_stalls_after_the_login_does_not_block_callers() {
    let well = || Some("+OK\r\n".to_owned());
    let primary = fake::server(move |nth, command| match command[0].as_str() {
        "ROLE" if nth == 0 => None,
        "ROLE" => Some("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".into()),
        "EVALSHA" | "EVAL" => fake::numbered(command, ":1\r\n"),
        _ => well(),
    });
    let place = primary.to_string();
    let place = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{place}\r\n", place.len());
    let sentinel = fake::server(move |nth, command| match command[0].as_str() {
        "SENTINEL" if nth == 0 => None,
        "SENTINEL" => Some(place.clone()),
        "PING" => Some("+PONG\r\n".to_owned()),
        _ => well(),
    });
    let sentinel = format!("redis://127.0.0.1:{sentinel}/?protocol=2");
    let place = Place::sentinel([sentinel], "redis://mymaster/?protocol=2");
    // The first attempt ends at the sentinel, the second at the primary.
    for server in ["stalls", "stalls", "answers"] {
        let connected = timeout(Duration::from_secs(20), hasty(place.clone()).connect());
        let connected = connected.await.expect("no attempt goes on for ever");
        match server {
            "stalls" => {
                let error = connected.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
                assert!(error.to_string().contains("no answer within 1s"), "{error}");
            }
            _ => drop(connected.unwrap()),
        }
    }
}

/// `None` also while the server changes its role and closes its connections.
fn get(server: &Server, key: &str) -> Option<i64> {
    let client = redis::Client::open(server.url()).unwrap();
    let mut client = client.get_connection().ok()?;
    redis::cmd("GET").arg(key).query(&mut client).ok()?
}

fn is_primary(server: &Server) -> bool {
    let info: String = redis::cmd("INFO")
        .arg("replication")
        .query(&mut server.client())
        .unwrap();
    info.contains("role:master")
}
