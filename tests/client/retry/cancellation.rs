//! A call may be dropped at any of its polls: nothing is left behind.

use std::{pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use futures_util::{FutureExt, future::poll_fn};
use http::Request;
use http_body_util::{BodyExt, Full};
use sluicegate::client::{RetryBudget, RetryLayer, TapedBody};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer};

use super::support::{Does, Seen, Server, get, layer, ms, rpc};

/// Failures that take a call through every state, and how many of its retries
/// that reach the server are free.
fn scripts() -> [(Vec<Does>, u32); 2] {
    let unavailable = || Does::TrailersOnly(14, Vec::new());
    let answers = || Does::Sleeps(30, Box::new(Does::Message(0)));
    let first = vec![
        Does::RefusesConnection,
        Does::RefusesStream,
        Does::Trailers(14, Vec::new()),
        Does::NotReady,
        unavailable(),
        answers(),
    ];
    let begins_not_ready = vec![
        Does::NotReady,
        Does::NotReady,
        unavailable(),
        Does::NotReady,
        Does::NotReady,
        answers(),
    ];
    [(first, 1), (begins_not_ready, 0)]
}

/// Whether an attempt was a retry that the budget pays for.
fn is_charged(seen: &Seen, free: u32) -> bool {
    let previous = seen.headers.get("grpc-previous-rpc-attempts");
    previous.is_some_and(|it| it.to_str().unwrap().parse::<u32>().unwrap() > free)
}

/// Uses the rest of the budget up, and returns how much that was. It makes one
/// request, which adds a retry.
async fn retries_left(layer: &RetryLayer) -> usize {
    let server = Server::new(vec![Does::says(503); 99]);
    layer.layer(server.clone()).oneshot(get()).await.unwrap();
    server.calls() - 2
}

/// Polls the call this many times, with time going on in between, and drops it.
/// Returns whether it was done by then.
async fn dropped_after(polls: usize, client: impl Future<Output = ()>) -> bool {
    let mut client = pin!(client);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(client.as_mut().poll(cx))).await;
        if polled.is_ready() {
            return true;
        }
        tokio::time::advance(ms(7)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_poll_leaves_nothing() {
    for (script, free) in scripts() {
        let polls = drop_at_any_poll(&script, free).await;
        assert!(polls > 20, "it was dropped at {polls} polls");
    }
}

/// Drops the call at each of its polls. Returns how many there are.
async fn drop_at_any_poll(script: &[Does], free: u32) -> usize {
    let mut polls = 0;
    loop {
        let server = Server::new(script.to_vec());
        let budget = RetryBudget::builder().percent(100).local();
        let (layer, counts) = layer();
        let layer = layer.idempotent(|_| true).max_retries(9);
        let layer = layer.budget(budget.clone());
        let client = layer.layer(ConcurrencyLimitLayer::new(1).layer(server.clone()));
        // Two calls fill the budget with two retries. The third one is dropped.
        let warm = RetryLayer::new()
            .budget(budget.clone())
            .layer(Server::new([]));
        for _ in 0..2 {
            warm.clone().oneshot(get()).await.unwrap();
        }
        let permits = client.get_ref().clone();
        let call = client
            .oneshot(rpc("Get").map(TapedBody::new))
            .map(|result| {
                drop(result.unwrap());
            });
        let is_done = dropped_after(polls, call).await;
        assert_eq!(
            (server.in_flight(), server.reserved()),
            (0, 0),
            "at poll {polls}"
        );
        server.state.script.lock().unwrap().clear();
        let next = tokio::time::timeout(ms(1_000), permits.oneshot(get())).await;
        assert!(next.is_ok(), "the permit is back at poll {polls}");
        let spent = server
            .seen()
            .iter()
            .filter(|it| is_charged(it, free))
            .count();
        let saved = 2 + counts.snapshot().called as usize;
        let left = retries_left(&layer).await;
        assert_eq!(left, saved - spent, "at poll {polls}");
        if is_done {
            return polls;
        }
        polls += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reserved_retry_is_given_back_by_a_dropped_call() {
    let budget = RetryBudget::builder().percent(10).local();
    let layer = RetryLayer::new().budget(budget).random(|| u64::MAX);
    let ok = layer.layer(Server::new([]));
    for _ in 0..9 {
        ok.clone().oneshot(get()).await.unwrap();
    }
    let server = Server::new(vec![Does::says(503); 99]);
    let client = layer.layer(server.clone());
    // Ten requests allow one retry. The call waits with it, and is dropped.
    let waiting = dropped_after(5, client.clone().oneshot(get()).map(drop)).await;
    assert!(!waiting);
    assert_eq!(server.calls(), 1);
    let failed = client.clone().oneshot(get()).await.unwrap();
    assert_eq!(server.calls(), 3, "the retry was there again");
    drop(failed);
    client.oneshot(get()).await.unwrap();
    assert_eq!(server.calls(), 4, "and is used up");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_reserves_no_service_and_holds_no_response() {
    let server = Server::new([Does::says_with(503, "retry-after", "60")]);
    let limited = ConcurrencyLimitLayer::new(1).layer(server.clone());
    let client = layer().0.layer(limited.clone());
    let call = tokio::spawn(client.oneshot(get()));
    tokio::time::sleep(ms(100)).await;
    assert_eq!((server.calls(), server.reserved()), (1, 0));
    // The permit is free while the call waits.
    limited.oneshot(get()).await.unwrap();
    let response = call.await.unwrap().unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "body"
    );
}

#[tokio::test(start_paused = true)]
async fn asking_for_readiness_takes_one_place_and_a_drop_gives_it_back() {
    let server = Server::new([]);
    let mut client = layer().0.layer(server.clone());
    ServiceExt::<Request<Full<Bytes>>>::ready(&mut client)
        .await
        .unwrap();
    ServiceExt::<Request<Full<Bytes>>>::ready(&mut client)
        .await
        .unwrap();
    assert_eq!(server.reserved(), 1);
    let clone = client.clone();
    assert_eq!(server.reserved(), 1);
    drop((client, clone));
    assert_eq!(server.reserved(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_done_keeps_no_request() {
    let mut client = layer().0.layer(Server::new([Does::says(503)]));
    ServiceExt::<Request<Full<Bytes>>>::ready(&mut client)
        .await
        .unwrap();
    let (mark, mut req) = (Arc::new(()), get());
    req.extensions_mut().insert(mark.clone());
    let mut call = pin!(client.call(req));
    let response = call.as_mut().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), Arc::strong_count(&mark)),
        (200, 1)
    );
}
