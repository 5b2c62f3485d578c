//! The calls to Redis are in the metrics.

use std::sync::Arc;

use futures_util::future::join_all;
use sluicegate::{
    limit::{FailOpen, Quota, Redis, TokenBucket},
    red::{ConnectionCounts, LimiterCounts, Registry},
    redis::Connection,
};

use crate::{
    connection::{builder, until},
    server::Server,
};

fn connection(metrics: &Registry) -> ConnectionCounts {
    let snapshot = metrics.snapshot();
    let [(name, connection)] = snapshot.connections() else {
        panic!("{metrics:?}");
    };
    assert_eq!(name, "main");
    connection.clone()
}

fn limiter(metrics: &Registry) -> LimiterCounts {
    let snapshot = metrics.snapshot();
    let [limiter] = snapshot.limiters() else {
        panic!("{metrics:?}");
    };
    limiter.clone()
}

fn bucket(redis: &Connection, metrics: &Registry) -> Redis<TokenBucket, FailOpen> {
    let rule = TokenBucket::new(Quota::per_hour(1_000));
    let builder = Redis::builder("api", rule, redis);
    builder.observe(Arc::new(metrics.clone())).build(FailOpen)
}

#[tokio::test]
async fn every_call_has_a_latency() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let metrics = Registry::new();
    metrics.connection("main", &redis);
    assert_eq!(connection(&metrics).latency.count(), 0);
    let limiter = bucket(&redis, &metrics);
    for _ in 0..10 {
        limiter.check("ann", 1).await.unwrap();
    }
    let counts = connection(&metrics);
    assert_eq!((counts.stats.calls, counts.stats.failures), (10, 0));
    assert_eq!(counts.latency, redis.latency());
    assert_eq!(counts.latency.count(), 10);
}

#[tokio::test]
async fn an_open_breaker_shows_and_its_answers_have_no_latency() {
    let mut server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let metrics = Registry::new();
    metrics.connection("main", &redis);
    let bucket = bucket(&redis, &metrics);
    assert!(!connection(&metrics).is_open);
    server.kill();
    until("the breaker opens", || async {
        bucket.check("ann", 1).await.unwrap();
        connection(&metrics).stats.circuit_open > 2
    })
    .await;
    let counts = connection(&metrics);
    assert!(counts.is_open && counts.stats.opened == 1 && counts.stats.closed == 0);
    assert_eq!(counts.stats.failures, counts.stats.calls);
    assert_eq!(
        counts.latency.count(),
        counts.stats.calls - counts.stats.circuit_open
    );
    assert_eq!(limiter(&metrics).decided.fell_back, counts.stats.calls);

    server.restart();
    until("it is closed again", || async {
        let counts = connection(&metrics);
        !counts.is_open && counts.stats.closed == 1
    })
    .await;
}

#[tokio::test]
async fn calls_that_are_shared_show_by_how_much() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let metrics = Registry::new();
    let bucket = bucket(&redis, &metrics);
    metrics.limiter(&bucket);
    assert_eq!(limiter(&metrics).redis.unwrap().calls, 0);
    let checks = (0..100).map(|_| bucket.check("ann", 1));
    join_all(checks).await;
    let asked = limiter(&metrics).redis.unwrap();
    let counts = bucket.counts();
    assert_eq!((asked.requests, asked.calls), (100, counts.calls));
    assert!(asked.requests >= 2 * asked.calls, "{asked:?}");
    drop(bucket);
    assert_eq!(
        limiter(&metrics).redis,
        Some(asked),
        "it outlives the limiter"
    );
}

#[tokio::test]
async fn states_that_cannot_be_read_show() {
    let server = Server::start();
    let redis = builder(server.url()).connect().await.unwrap();
    let metrics = Registry::new();
    let bucket = bucket(&redis, &metrics);
    metrics.limiter(&bucket);
    bucket.check("ann", 1).await.unwrap();
    let mut client = server.client();
    let mut garble = redis::cmd("SET");
    garble.arg(&["sluicegate:{api:ann}:t", "x"]);
    garble.exec(&mut client).unwrap();
    // The policy lets it pass; to credit it is up to no policy.
    bucket.check("ann", 1).await.unwrap();
    bucket.credit("ann", 1).await.unwrap_err();
    let counts = limiter(&metrics);
    assert_eq!(counts.redis.unwrap().unreadable, 2);
    assert_eq!(counts.decided.fell_back, 1);
}

#[tokio::test]
async fn a_policy_that_decided_counts_once_whoever_tells_it() {
    let redis = builder("redis://127.0.0.1:1/").lazy().unwrap();
    let metrics = Registry::new();
    let rule = TokenBucket::new(Quota::per_hour(1_000));
    let untold = Redis::new("api", rule, &redis, FailOpen);
    metrics.limiter(&untold);
    untold.check("ann", 1).await.unwrap();
    assert_eq!(limiter(&metrics).decided.fell_back, 1);
    let told = bucket(&redis, &metrics);
    metrics.limiter(&told);
    for _ in 0..3 {
        told.check("ann", 1).await.unwrap();
    }
    assert_eq!(limiter(&metrics).decided.fell_back, 3);
}
