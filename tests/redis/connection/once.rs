use std::time::Duration;

use futures_util::future::join_all;

use super::{Tally, builder, count};
use crate::server::Server;

#[tokio::test]
async fn nothing_runs_twice_when_connections_are_killed() {
    let server = Server::start();
    let redis = builder(server.url())
        .breaker(1_000_000, Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    let mut client = server.client();
    let mut tally = Tally::default();
    for round in 0..30 {
        let calls = join_all((0..50).map(|_| count(&redis, "n")));
        let kill = async {
            let mut order = redis::cmd("CLIENT");
            order.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
            order.exec(&mut client).unwrap();
        };
        let (results, ()) = futures_util::join!(calls, kill);
        results.iter().for_each(|result| tally.add(result));
        assert!(round < 3 || tally.ok > 0, "{tally:?}");
    }
    assert!(redis.stats().connects > 2, "{:?}", redis.stats());
    tally.explains(redis::cmd("GET").arg("n").query(&mut client).unwrap());
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
