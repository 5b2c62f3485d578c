//! Refusals of this crate before the work, and refusals that the work got from
//! a downstream.

use std::{convert::Infallible, sync::Arc};

use ::http::{Request, StatusCode};
use axum::{Router, body::Body, response::Response, routing::post as at};
use http_body_util::BodyExt;
use sluicegate::{
    idempotency::{Claimant, Counts, GlobalScope, IdempotencyLayer, Takeover},
    limit::{Direct, Local, Quota, RateLimitLayer, TokenBucket},
    refusal::{AsError, BoxError},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::timeout::TimeoutLayer;

use crate::{
    server::{Tally, ask, counting, layer, layer_over, post},
    support::{LEASE, Moody},
};

/// Returns a limit that is used up for the next minute.
fn exhausted() -> Local<TokenBucket, Direct> {
    let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
    assert!(limiter.check(1).is_admitted());
    limiter
}

/// Returns the response of a downstream service behind a limit.
async fn downstream(request: Request<Body>) -> Response {
    let answer = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::default()));
    let mut client = RateLimitLayer::new(exhausted()).layer(answer);
    let Ok(refused) = client.call(request).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    refused
}

/// How a handler asks its downstream.
#[derive(Clone, Copy, Debug)]
enum Asks {
    /// By a request of its own.
    Anew,
    /// By one with all headers and extensions of its own request.
    WithItsOwn,
}

/// A handler that charges, and then answers as its downstream does.
fn charging(asks: Asks) -> (Router, Tally) {
    let tally = Tally::default();
    let charges = tally.clone();
    let handler = async move |request: Request<Body>| {
        charges.add();
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        downstream(match asks {
            Asks::Anew => Request::post("/").body(Body::from(body)).unwrap(),
            Asks::WithItsOwn => Request::from_parts(head, Body::from(body)),
        })
        .await
    };
    (Router::new().route("/", at(handler)), tally)
}

fn layer_of(takeover: Takeover) -> (IdempotencyLayer<Moody, GlobalScope>, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let claimant = Claimant::new(Moody::new()).lease(LEASE).takeover(takeover);
    let layer = IdempotencyLayer::over(claimant.observe(counts.clone()));
    (layer.global_scope(), counts)
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_downstream_does_not_give_the_work_back() {
    for takeover in [Takeover::Rerun, Takeover::Refuse] {
        for asks in [Asks::Anew, Asks::WithItsOwn] {
            let (router, charges) = charging(asks);
            let (layer, counts) = layer_of(takeover);
            let router = router.layer(layer);
            let first = ask(&router, post("17"), "an order").await;
            assert_eq!(first.status, StatusCode::TOO_MANY_REQUESTS);
            for _ in 0..2 {
                let again = ask(&router, post("17"), "an order").await;
                assert_eq!(again.problem(), "still-running", "{asks:?}");
            }
            assert_eq!(charges.count(), 1, "{asks:?}");
            assert_eq!(counts.snapshot().abandoned, 1);
            tokio::time::sleep(LEASE).await;
            ask(&router, post("17"), "an order").await;
            let runs = if takeover == Takeover::Rerun { 2 } else { 1 };
            assert_eq!(charges.count(), runs);
        }
    }
}

/// The errors of the service are boxed.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_downstream_does_not_give_the_work_back() {
    let (layer, counts) = layer_over(Moody::new());
    let charges = Tally::default();
    let charged = charges.clone();
    let handler = move |_: Request<String>| {
        charged.add();
        let answer = service_fn(async |_: Request<String>| {
            Ok::<_, BoxError>(::http::Response::new(String::new()))
        });
        let client = RateLimitLayer::new(exhausted()).refuse_with(AsError);
        client.layer(answer).oneshot(Request::new(String::new()))
    };
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(handler));
    let ask = || {
        let request = post("17").body(String::new()).unwrap();
        service.clone().oneshot(request)
    };
    assert!(ask().await.is_err());
    assert_eq!(ask().await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!((charges.count(), counts.snapshot().released), (1, 0));
}

#[tokio::test]
async fn a_refusal_before_the_handler_gives_the_work_back() {
    let (router, tally) = counting();
    let limiter = exhausted();
    let (layer, counts) = layer();
    let router = router
        .layer(RateLimitLayer::new(limiter.clone()))
        .layer(layer);
    for _ in 0..2 {
        let refused = ask(&router, post("17"), "an order").await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    }
    limiter.reset();
    let done = ask(&router, post("17"), "an order").await;
    assert_eq!((done.text(), tally.count()), ("done 1", 1));
    assert_eq!(counts.snapshot().released, 2);
}

#[tokio::test]
async fn an_error_before_the_handler_gives_the_work_back() {
    let (layer, counts) = layer();
    let limited = RateLimitLayer::new(exhausted()).refuse_with(AsError);
    let answer = service_fn(async |_: Request<String>| {
        Ok::<_, BoxError>(::http::Response::new(String::new()))
    });
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(limited)
        .service(answer);
    let request = post("17").body(String::new()).unwrap();
    assert!(service.oneshot(request).await.is_err());
    assert_eq!(counts.snapshot().released, 1);
}

/// tower's timeout drops the handler after it has charged.
#[tokio::test(start_paused = true)]
async fn work_that_a_timeout_cut_off_is_not_repeated_at_once() {
    use StatusCode as Code;
    for (code, takeover) in [
        (Code::GATEWAY_TIMEOUT, Takeover::Rerun),
        (Code::GATEWAY_TIMEOUT, Takeover::Refuse),
        (Code::REQUEST_TIMEOUT, Takeover::Refuse),
        (Code::SERVICE_UNAVAILABLE, Takeover::Refuse),
        (Code::BAD_GATEWAY, Takeover::Rerun),
    ] {
        let charges = Tally::default();
        let charged = charges.clone();
        let handler = async move || {
            charged.add();
            std::future::pending::<()>().await;
        };
        let timeout = TimeoutLayer::with_status_code(code, LEASE / 10);
        let (layer, counts) = layer_of(takeover);
        let router = Router::new().route("/", at(handler));
        let router = router.layer(timeout).layer(layer);
        assert_eq!(ask(&router, post("17"), "").await.status, code);
        for _ in 0..2 {
            let again = ask(&router, post("17"), "").await;
            assert_eq!(again.problem(), "still-running", "{code} {takeover:?}");
        }
        assert_eq!((charges.count(), counts.snapshot().abandoned), (1, 1));
    }
}
