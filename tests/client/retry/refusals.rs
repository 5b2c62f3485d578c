//! Refusals of layers further in: the call did not fail, it was not wanted.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluicegate::{
    client::{
        ObeyLayer, ThrottleLayer,
        retry::{Counts, Stop},
    },
    concurrency::{self, ConcurrencyLayer},
    deadline::{self, Deadline, PropagateDeadlineLayer},
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    refusal::{Answer, AsError},
};
use tower::{Layer, Service, ServiceExt};

use super::support::{Does, Server, get, layer, ms};

/// Makes a call that is refused behind a retry layer, and checks that the refusal
/// is final.
async fn assert_final<S, R>(client: S, counts: &Arc<Counts>)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
{
    _ = client.oneshot(get()).await;
    let counted = counts.snapshot();
    assert_eq!((counted.called, counted.retries()), (1, 0));
    assert_eq!(counted.stopped(Stop::Refused), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_answers_or_fails_is_not_asked_again() {
    let limit = || {
        let limiter = Local::direct(TokenBucket::new(Quota::per_hour(1)));
        RateLimitLayer::new(limiter)
    };
    let answers = limit()
        .refuse_with(Answer::new().without_body())
        .layer(Server::new([]));
    answers.clone().oneshot(get()).await.unwrap();
    let (retry, counts) = layer();
    assert_final(retry.layer(answers), &counts).await;

    let fails = limit().refuse_with(AsError).layer(Server::new([]));
    fails.clone().oneshot(get()).await.unwrap();
    let (retry, counts) = layer();
    assert_final(retry.layer(fails), &counts).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_concurrency_is_not_asked_again() {
    let slow = Does::Sleeps(60_000, Box::new(Does::says(200)));
    let limit = ConcurrencyLayer::new(concurrency::Local::new(1));
    let limited = limit
        .refuse_with(Answer::new().without_body())
        .layer(Server::failing(slow));
    let other = tokio::spawn(limited.clone().oneshot(get()));
    tokio::time::sleep(ms(1)).await;
    let (retry, counts) = layer();
    assert_final(retry.layer(limited), &counts).await;
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_here_is_the_end() {
    let server = Server::new([]);
    let propagates = PropagateDeadlineLayer::new().layer(server.clone());
    let (retry, counts) = layer();
    let call = assert_final(retry.layer(propagates), &counts);
    deadline::scope(Deadline::after(ms(0)), call).await;
    assert_eq!(server.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_not_sent_after_all() {
    let server = Server::failing(Does::says(503));
    let throttled = ThrottleLayer::new().random(|| 0).layer(server.clone());
    let mut calls = 0;
    while server.calls() == calls {
        throttled.clone().oneshot(get()).await.unwrap();
        calls += 1;
    }
    let (retry, counts) = layer();
    assert_final(retry.layer(throttled), &counts).await;
    assert_eq!(server.calls(), calls - 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_held_back_to_its_end_is_not_sent_after_all() {
    let lines = [
        ("ratelimit-policy", r#""a";q=10;w=60"#.to_owned()),
        ("ratelimit", r#""a";r=0;t=60"#.to_owned()),
    ];
    let server = Server::failing(Does::Says(200, lines.to_vec()));
    let held = ObeyLayer::new().layer(server.clone());
    held.clone().oneshot(get()).await.unwrap();
    let (retry, counts) = layer();
    assert_final(retry.layer(held), &counts).await;
    assert_eq!(server.calls(), 1);
}
