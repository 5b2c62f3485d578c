//! A server that fails everything gets hardly more calls than before.

use std::{sync::Arc, time::Duration};

use http::Request;
use http_body_util::Full;
use sluicegate::client::{RetryBudget, RetryLayer, retry::Counts};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};
use tower::{Layer, ServiceExt};

use super::support::{Does, Server, get, ms, rpc};

const CLIENTS: u64 = 100;
const SECOND: Duration = Duration::from_secs(1);
const WARM: Duration = Duration::from_secs(20);
const STORM: Duration = Duration::from_secs(60);

/// Each of 100 clients makes `rate` calls a second, for 20 seconds to a server
/// that works and then for a minute to one that does this. Returns the calls of
/// that minute that reached the server, as a multiple of those of the clients.
async fn load(
    does: Does,
    rate: u32,
    request: fn() -> Request<Full<bytes::Bytes>>,
    budget: impl Fn() -> RetryBudget,
) -> f64 {
    let (works, fails) = (Server::new([]), Server::failing(does));
    let counts = Arc::new(Counts::default());
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for nth in 0..CLIENTS {
        let layer = RetryLayer::new().idempotent(|_| true).attach_key();
        let layer = layer.budget(budget()).observe(counts.clone());
        let (works, fails) = (layer.layer(works.clone()), layer.layer(fails.clone()));
        clients.spawn(async move {
            // The clients are not in step.
            sleep_until(begun + ms(nth * 7 % 1_000)).await;
            let mut ticks = interval(SECOND / rate);
            let mut calls = JoinSet::new();
            for _ in 0..(WARM + STORM).as_secs() * u64::from(rate) {
                let now = ticks.tick().await;
                let server = if now < begun + WARM { &works } else { &fails };
                calls.spawn(server.clone().oneshot(request()));
                while calls.try_join_next().is_some() {}
            }
            while calls.join_next().await.is_some() {}
        });
    }
    while clients.join_next().await.is_some() {}
    let storm = (begun + WARM)..(begun + WARM + STORM);
    let reached = fails
        .seen()
        .iter()
        .filter(|it| storm.contains(&it.at))
        .count();
    let normal = CLIENTS * u64::from(rate) * STORM.as_secs();
    let load = reached as f64 / normal as f64;
    println!("{load:.4} of the normal load, {:?}", counts.snapshot());
    load
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_for_a_minute_gets_at_most_a_tenth_more() {
    let load = load(Does::says(503), 10, get, RetryBudget::new).await;
    assert!((1.05..=1.1).contains(&load), "{load}");
}

#[tokio::test(start_paused = true)]
async fn grpc_calls_and_broken_connections_do_not_storm_either() {
    let unavailable = Does::Trailers(14, Vec::new());
    let rpc = || rpc("Get");
    let of_rpcs = load(unavailable, 20, rpc, RetryBudget::new).await;
    assert!((1.05..=1.1).contains(&of_rpcs), "{of_rpcs}");
    let broken = load(Does::Breaks, 10, get, RetryBudget::new).await;
    assert!((1.05..=1.1).contains(&broken), "{broken}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_failure_and_one_budget_for_all_do_not_storm_either() {
    let slow = Does::Sleeps(2_000, Box::new(Does::says(503)));
    let shared = RetryBudget::new();
    let load = load(slow, 10, get, || shared.clone()).await;
    assert!((1.0..=1.1).contains(&load), "{load}");
}

/// A transport that refuses a stream has done no work for it, so the first retry
/// needs no budget (gRPC proposal A6).
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_stream_gets_each_call_twice_and_a_tenth_more() {
    let load = load(Does::RefusesStream, 10, get, RetryBudget::new).await;
    assert!((2.0..=2.1).contains(&load), "{load}");
}
