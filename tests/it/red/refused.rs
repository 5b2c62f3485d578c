//! A request counts as shed if it was refused here, and not if its handler was
//! refused by a downstream.

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use sluicegate::{
    limit::{Direct, Local, Quota, RateLimitLayer, TokenBucket},
    red::{RedLayer, Registry},
    refusal::{AsError, BoxError},
};
use tower::{Layer, Service, ServiceExt, service_fn};

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

/// It does not know which request it answers.
#[tokio::test]
async fn a_refused_query_is_not_a_refused_request() {
    let query = service_fn(async |_: u32| Ok::<_, BoxError>(()));
    let database = RateLimitLayer::new(exhausted()).refuse_with(AsError);
    let database = database.layer(query);
    let served = Registry::new();
    let handler = service_fn(move |_: Request<String>| {
        let asked = database.clone().oneshot(1);
        async { asked.await.map(|()| http::Response::new(String::new())) }
    });
    let app = RedLayer::server(&served).layer(handler);
    assert!(app.oneshot(Request::new(String::new())).await.is_err());
    assert_eq!(outcomes(&served), [("server_error", 1)].into());
}

/// Layers that take requests of any type do not know each body.
#[tokio::test]
async fn a_request_is_known_whatever_its_body() {
    type Answered = Result<http::Response<String>, BoxError>;

    let (served, passed) = (Registry::new(), Registry::new());
    let limited = RateLimitLayer::new(exhausted()).layer(service_fn(
        async |_: Request<Empty<Bytes>>| -> Answered { Ok(http::Response::new(String::new())) },
    ));
    let request = || Request::new(Empty::new());
    let app = RedLayer::server(&served).layer(limited.clone());
    drop(app.oneshot(request()).await);
    assert_eq!(outcomes(&served), [("shed", 1)].into());
    let handler = service_fn(move |_: Request<Empty<Bytes>>| limited.clone().oneshot(request()));
    let app = RedLayer::server(&passed).layer(handler);
    drop(app.oneshot(request()).await);
    assert_eq!(outcomes(&passed), [("client_error", 1)].into());
}

#[tokio::test]
async fn a_body_that_was_refused_elsewhere_is_not_shed() {
    let query = service_fn(async |_: u32| Ok::<_, BoxError>(Bytes::new()));
    let rows = RateLimitLayer::new(exhausted()).refuse_with(AsError);
    let refused = rows.layer(query).oneshot(1).await.unwrap_err();
    let body = Body::from_stream(stream::iter([Ok(Bytes::from("row")), Err(refused)]));
    let served = Registry::new();
    let mut answer = Some(Response::new(body));
    let handler = service_fn(move |_: Request<String>| {
        std::future::ready(Ok::<_, Infallible>(answer.take().unwrap()))
    });
    let mut app = RedLayer::server(&served).layer(handler);
    let Ok(answer) = app.call(Request::new(String::new())).await;
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(outcomes(&served), [("server_error", 1)].into());
}
