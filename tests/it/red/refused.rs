//! A request counts as shed if it was refused here, and not if its handler was
//! refused by a downstream.

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response, routing::get};
use http::{Request, StatusCode};
use sluicegate::{
    limit::{Direct, Local, Quota, RateLimitLayer, TokenBucket},
    red::{RedLayer, Registry},
    refusal::{AsError, BoxError},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::outcomes;

fn exhausted() -> Local<TokenBucket, Direct> {
    let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
    assert!(limiter.check(1).is_admitted());
    limiter
}

/// A downstream that refuses, whose calls are counted too.
async fn downstream(metrics: Registry) -> Response {
    let answer =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let client = RateLimitLayer::new(exhausted()).layer(answer);
    let client = RedLayer::client(&metrics).layer(client);
    let Ok(refused) = client.oneshot(Request::new(Body::empty())).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    refused.map(Body::new)
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_request_whose_handler_was_refused_elsewhere_is_not_shed() {
    for path in ["/", "/orders"] {
        let (served, called) = (Registry::new(), Registry::new());
        let upstream = called.clone();
        let handler = get(move || downstream(upstream.clone()));
        let app = Router::new().route(path, handler);
        let app = app.layer(RedLayer::server(&served));
        drop(app.oneshot(request(path)).await);
        assert_eq!(outcomes(&served), [("client_error", 1)].into(), "{path}");
        assert_eq!(outcomes(&called), [("shed", 1)].into());
    }
}

#[tokio::test]
async fn a_request_that_was_refused_here_is_shed() {
    for path in ["/", "/orders"] {
        let served = Registry::new();
        let app = Router::new().route(path, get(|| async { "done" }));
        let app = app.layer(RateLimitLayer::new(exhausted()));
        // Nested, so that the path that is seen changes on the way.
        let app = Router::new().nest("/v1", app);
        let app = app.layer(RedLayer::server(&served));
        let path = format!("/v1{path}");
        drop(app.oneshot(request(path.trim_end_matches('/'))).await);
        assert_eq!(outcomes(&served), [("shed", 1)].into(), "{path}");
    }
}

#[tokio::test]
async fn an_error_that_a_handler_got_elsewhere_is_not_shed() {
    let limited = |metrics: &Registry| {
        let answer = service_fn(async |_: Request<String>| {
            Ok::<_, BoxError>(http::Response::new(String::new()))
        });
        let client = RateLimitLayer::new(exhausted()).refuse_with(AsError);
        RedLayer::client(metrics).layer(client.layer(answer))
    };
    let (served, called) = (Registry::new(), Registry::new());
    let upstream = called.clone();
    let handler = service_fn(move |_: Request<String>| {
        limited(&upstream).oneshot(Request::new(String::new()))
    });
    let app = RedLayer::server(&served).layer(handler);
    assert!(app.oneshot(Request::new(String::new())).await.is_err());
    assert_eq!(outcomes(&served), [("server_error", 1)].into());
    assert_eq!(outcomes(&called), [("shed", 1)].into());
}
