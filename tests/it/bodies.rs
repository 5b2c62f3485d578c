//! A refusal explains itself in its body, whatever layers of this crate stand
//! between the layer that refuses and the service.

use std::{convert::Infallible, fmt::Debug};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{
    BodyExt, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use sluicegate::{
    deadline::{EnforceDeadlineLayer, PropagateDeadlineLayer},
    idempotency::{self, IdempotencyLayer},
    limit::{Direct, Local, Quota, RateLimitLayer, TokenBucket},
    red::{RedLayer, Registry},
    refusal::{Answer, FromText},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// A layer over a limit that refuses all but the first request.
fn once() -> RateLimitLayer<Local<TokenBucket, Direct>> {
    RateLimitLayer::new(Local::direct(TokenBucket::new(Quota::per_day(1))))
}

fn red() -> RedLayer {
    RedLayer::server(&Registry::new())
}

fn keys() -> IdempotencyLayer<idempotency::Local, idempotency::GlobalScope> {
    IdempotencyLayer::new(idempotency::Local::new()).global_scope()
}

/// The answer to the second of two requests.
async fn second<S, B>(service: S) -> Response<B>
where
    S: Service<Request<AxumBody>, Response = Response<B>, Error: Debug> + Clone,
{
    let ask = || service.clone().oneshot(Request::new(AxumBody::empty()));
    ask().await.unwrap();
    ask().await.unwrap()
}

/// Checks that the second of two requests is refused with a problem.
async fn explains<S, B>(service: S)
where
    S: Service<Request<AxumBody>, Response = Response<B>, Error: Debug> + Clone,
    B: Body<Error: Debug>,
{
    let response = second(service).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], 429);
}

/// A service whose responses have this body.
macro_rules! answering {
    ($body:ty) => {
        service_fn(|_: Request<AxumBody>| async {
            Ok::<_, Infallible>(Response::new(<$body>::from_text("hello".into())))
        })
    };
}

/// Checks all layers around this body, one by one and all together.
macro_rules! explains_over {
    ($body:ty) => {
        explains(once().layer(answering!($body))).await;
        explains(once().layer(keys().layer(answering!($body)))).await;
        explains(once().layer(red().layer(answering!($body)))).await;
        explains(once().layer(EnforceDeadlineLayer::new().layer(answering!($body)))).await;
        explains(once().layer(PropagateDeadlineLayer::new().layer(answering!($body)))).await;
        let stack = ServiceBuilder::new()
            .layer(once())
            .layer(red())
            .layer(EnforceDeadlineLayer::new())
            .layer(PropagateDeadlineLayer::new())
            .layer(keys());
        explains(stack.service(answering!($body))).await;
    };
}

#[tokio::test(start_paused = true)]
async fn a_refusal_explains_itself_over_layers_of_this_crate() {
    explains_over!(Full<Bytes>);
    explains_over!(AxumBody);
    explains_over!(BoxBody<Bytes, std::io::Error>);
    explains_over!(UnsyncBoxBody<Bytes, Infallible>);
    explains_over!(tonic::body::Body);
    explains(once().layer(answering!(String))).await;
    explains(once().layer(red().layer(answering!(String)))).await;
}

#[tokio::test(start_paused = true)]
async fn the_order_of_the_layers_does_not_matter() {
    let service = || answering!(AxumBody);
    let deadline = EnforceDeadlineLayer::new;
    let inside = ServiceBuilder::new();
    explains(
        inside
            .layer(once())
            .layer(keys())
            .layer(red())
            .layer(deadline())
            .service(service()),
    )
    .await;
    let inside = ServiceBuilder::new();
    explains(
        inside
            .layer(deadline())
            .layer(once())
            .layer(keys())
            .layer(red())
            .service(service()),
    )
    .await;
    let inside = ServiceBuilder::new();
    explains(
        inside
            .layer(red())
            .layer(deadline())
            .layer(once())
            .layer(keys())
            .service(service()),
    )
    .await;
    let inside = ServiceBuilder::new();
    explains(
        inside
            .layer(keys())
            .layer(red())
            .layer(deadline())
            .layer(once())
            .service(service()),
    )
    .await;
    let inside = ServiceBuilder::new();
    let both = inside
        .layer(once())
        .layer(deadline())
        .layer(red())
        .layer(red())
        .layer(keys());
    explains(both.layer(deadline()).service(service())).await;
}

/// A body that no text can be put into.
#[derive(Debug, Default)]
struct Opaque;

#[tokio::test]
async fn an_answer_without_a_body_has_no_content_type() {
    let service =
        service_fn(|_: Request<AxumBody>| async { Ok::<_, Infallible>(Response::new(Opaque)) });
    let layer = once().refuse_with(Answer::new().without_body());
    let response = second(layer.layer(service)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key("retry-after"));
    assert!(!response.headers().contains_key(CONTENT_TYPE));
}

#[tokio::test]
async fn grpc_is_answered_by_a_body_at_its_end() {
    let service = RateLimitLayer::new(Local::direct(TokenBucket::new(Quota::per_day(1))));
    let service = service.layer(red().layer(answering!(AxumBody)));
    let request = || {
        let request = Request::post("/").header(CONTENT_TYPE, "application/grpc");
        request.body(AxumBody::empty()).unwrap()
    };
    service.clone().oneshot(request()).await.unwrap();
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
    assert!(response.into_body().is_end_stream());
}
