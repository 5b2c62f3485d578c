//! Only a service that is ready is ever called, and asking whether it is ready
//! takes nothing.

use std::task::Poll;

use futures_util::{FutureExt, future::poll_fn};
use http::StatusCode;
use sluicegate::{
    deadline::EnforceDeadlineLayer,
    idempotency::{self, IdempotencyLayer},
    limit::{Limiter, Quota, RateLimitLayer, TokenBucket, Verdict, Wait},
    red::{RedLayer, Registry},
    refusal::Answer,
};
use tower::{Layer, Service, ServiceExt};

use crate::support::{
    Later, Probe, a_few, direct, layer_of, ms, passing, request, request_with, send, status, timed,
};

/// Two rounds, as hyper does them: a clone for each request, readied and called.
async fn statuses<L>(layer: RateLimitLayer<L>) -> (Vec<StatusCode>, usize)
where
    L: Limiter<()> + Clone + 'static,
{
    let mut service = layer.layer(Probe::new());
    let mut clone = service.clone();
    let statuses = vec![status(&mut service).await, status(&mut clone).await];
    (statuses, service.get_ref().calls())
}

#[tokio::test]
async fn an_admitted_request_goes_to_the_ready_service() {
    let (statuses, calls) = statuses(layer_of(a_few(2))).await;
    assert_eq!((statuses, calls), (vec![StatusCode::OK; 2], 2));
}

#[tokio::test]
async fn a_refused_request_does_not_reach_the_service() {
    let (statuses, calls) = statuses(layer_of(a_few(1))).await;
    let expected = vec![StatusCode::OK, StatusCode::TOO_MANY_REQUESTS];
    assert_eq!((statuses, calls), (expected, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_goes_to_the_service_that_was_ready() {
    let rule = TokenBucket::new(Quota::per_second(1).burst(1));
    let layer = RateLimitLayer::new(timed(rule)).wait(Wait::up_to(ms(5_000)));
    let mut service = layer.layer(Probe::new());
    assert_eq!(status(&mut service).await, StatusCode::OK);

    let waiting = service.ready().await.unwrap().call(request());
    assert!(
        !service.get_ref().is_ready(),
        "the ready one is in the future"
    );
    let next = service.ready().await.unwrap().call(request());
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    assert_eq!(next.await.unwrap().status(), StatusCode::OK);
    assert_eq!(service.get_ref().calls(), 3);
}

#[tokio::test]
async fn a_limiter_that_answers_later_gets_the_ready_service_too() {
    let (statuses, calls) = statuses(RateLimitLayer::new(Later::saying(Verdict::Admit))).await;
    assert_eq!((statuses, calls), (vec![StatusCode::OK; 2], 2));
}

#[tokio::test]
async fn a_limiter_that_refuses_later_keeps_the_service_from_being_called() {
    let (statuses, calls) = statuses(RateLimitLayer::new(Later::saying(Verdict::Deny))).await;
    assert_eq!(
        (statuses, calls),
        (vec![StatusCode::TOO_MANY_REQUESTS; 2], 0)
    );
}

#[tokio::test]
async fn the_service_left_behind_has_to_become_ready_again() {
    let layer = RateLimitLayer::new(Later::saying(Verdict::Admit));
    let mut service = layer.layer(Probe::new());
    let response = service.ready().await.unwrap().call(request());
    assert!(!service.get_ref().is_ready());
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    assert_eq!(send(&mut service, request()).await.body(), "hello");
}

#[tokio::test]
async fn the_inner_services_readiness_is_passed_on_as_it_is() {
    for readiness in [
        Poll::Pending,
        Poll::Ready(Err("broken")),
        Poll::Ready(Ok(())),
    ] {
        let layer = layer_of(a_few(1)).refuse_with(Answer::new());
        let mut service = layer.layer(Probe::whose_readiness_is(readiness));
        let seen = poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).now_or_never();
        assert_eq!(seen, Some(readiness));
    }
}

#[tokio::test]
async fn asking_for_readiness_takes_nothing_from_the_budget() {
    let limiter = direct(a_few(3));
    let mut service = RateLimitLayer::new(limiter.clone()).layer(Probe::new());
    for _ in 0..100 {
        let _ = service.ready().await.unwrap();
        let _ = service.clone().ready().await.unwrap();
    }
    assert_eq!(limiter.peek().remaining(), 3);
    assert_eq!(passing(&mut service, 5).await, 3);
}

#[tokio::test]
async fn a_service_that_is_full_admits_again_without_being_made_anew() {
    let clock = sluicegate::clock::Manual::new();
    let limiter = sluicegate::limit::Local::builder(a_few(1))
        .clock(clock.clone())
        .direct();
    let mut service = RateLimitLayer::new(limiter).layer(Probe::new());
    assert_eq!(passing(&mut service, 2).await, 1);
    clock.advance(ms(60_000));
    assert_eq!(passing(&mut service, 2).await, 1);
}

#[tokio::test]
async fn a_refused_request_keeps_nothing_that_readiness_has_reserved() {
    let reserving = tower::limit::ConcurrencyLimitLayer::new(1).layer(Probe::new());
    let mut one = layer_of(a_few(1)).layer(reserving);
    let mut other = one.clone();
    assert_eq!(status(&mut one).await, StatusCode::OK);
    assert_eq!(status(&mut one).await, StatusCode::TOO_MANY_REQUESTS);
    let ready = other.ready().now_or_never();
    assert!(ready.is_some(), "the permit went back");
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_deadline_goes_to_the_ready_service() {
    for layer in [
        EnforceDeadlineLayer::new(),
        EnforceDeadlineLayer::new().default_timeout(ms(1_000)),
    ] {
        let mut service = layer.layer(Probe::new());
        let mut clone = service.clone();
        for service in [&mut service, &mut clone] {
            let Ok(ready) = service.ready().await;
            let Ok(response) = ready.call(request()).await;
            assert_eq!(response.status(), StatusCode::OK);
        }
        assert_eq!(service.get_ref().calls(), 2);
    }
    let broken = Probe::whose_readiness_is(Poll::Ready(Err("broken")));
    let mut service = EnforceDeadlineLayer::new().layer(broken);
    let seen = poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).now_or_never();
    assert_eq!(seen, Some(Poll::Ready(Err("broken"))));
}

#[tokio::test]
async fn a_request_that_is_counted_goes_to_the_ready_service() {
    let metrics = Registry::new();
    let layer = RedLayer::server(&metrics);
    let mut service = layer.layer(Probe::new());
    let mut clone = service.clone();
    for service in [&mut service, &mut clone] {
        let Ok(ready) = service.ready().await;
        let Ok(response) = ready.call(request()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(service.get_ref().calls(), 2);
    assert_eq!(metrics.snapshot().started(), 2);
    let broken = Probe::whose_readiness_is(Poll::Ready(Err("broken")));
    let mut service = layer.layer(broken);
    let seen = poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).now_or_never();
    assert_eq!(seen, Some(Poll::Ready(Err("broken"))));
}

/// A request with a key, one that is done again, one that is refused, and one without
/// a key, each to a clone.
#[tokio::test]
async fn a_request_with_a_key_goes_to_the_ready_service_or_to_none() {
    let layer = IdempotencyLayer::new(idempotency::Local::new()).global_scope();
    let service = layer.layer(Probe::new());
    let asked = [("17", "a"), ("17", "a"), ("17", "b"), ("", "a")];
    let mut statuses = Vec::new();
    for (key, body) in asked {
        let mut service = service.clone();
        let mut request = request_with("idempotency-key", key);
        if key.is_empty() {
            request.headers_mut().clear();
        }
        *request.method_mut() = http::Method::POST;
        *request.body_mut() = body.to_owned();
        let Ok(ready) = service.ready().await;
        let answer = ready.call(request);
        assert!(!service.get_ref().is_ready());
        let Ok(response) = answer.await;
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 422, 200]);
    assert_eq!(service.get_ref().calls(), 2);

    let broken = Probe::whose_readiness_is(Poll::Ready(Err("broken")));
    let mut service = layer.layer(broken);
    let seen = poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).now_or_never();
    assert_eq!(seen, Some(Poll::Ready(Err("broken"))));
}

/// Of a request with a key it takes the service that was ready along.
#[tokio::test]
async fn a_refused_key_keeps_nothing_that_readiness_has_reserved() {
    let reserving = tower::limit::ConcurrencyLimitLayer::new(1).layer(Probe::new());
    let layer = IdempotencyLayer::new(idempotency::Local::new()).global_scope();
    let mut one = layer.layer(reserving);
    let mut other = one.clone();
    let mut request = request_with("idempotency-key", "a, b");
    *request.method_mut() = http::Method::POST;
    let Ok(ready) = one.ready().await;
    let Ok(refused) = ready.call(request).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let ready = other.ready().now_or_never();
    assert!(ready.is_some(), "the permit went back");
}
