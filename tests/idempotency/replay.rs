//! Which parts of a response are stored and replayed.

use std::convert::Infallible;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::{Router, body::Body, middleware::map_response, response::Response};
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sluicegate::{
    idempotency::{BufferedBody, StoreDecision},
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
};

use crate::{
    server::{Reply, Server, Tally, answering, ask, layer, post},
    support::is_settled,
};

const NEVER: [&str; 24] = [
    "set-cookie",
    "date",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "proxy-authenticate",
    "traceparent",
    "tracestate",
    "x-request-id",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-remaining",
    "retry-after",
    "www-authenticate",
    "server-timing",
    "age",
    "alt-svc",
    "access-control-allow-origin",
    "baggage",
    "b3",
    "x-b3-traceid",
    "grpc-trace-bin",
];

/// Returns every byte value, in an order that is not valid text.
fn bytes() -> Vec<u8> {
    (0..=255_u8).rev().cycle().take(70_000).collect()
}

fn rich() -> Response {
    let mut response = Response::new(Body::from(bytes()));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    let raw = HeaderValue::from_bytes(b"caf\xe9, \"a\"").unwrap();
    headers.insert("location", HeaderValue::from_static("/orders/1"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/octet-stream"),
    );
    for value in ["<a>; rel=next", "<b>; rel=prev, <c>"] {
        headers.append("link", HeaderValue::from_static(value));
    }
    headers.append("x-mine", raw);
    headers.append("x-mine", HeaderValue::from_static(""));
    headers.insert("x-other", HeaderValue::from_static("of this client"));
    response
}

#[tokio::test]
async fn a_response_is_replayed_byte_for_byte() {
    let (router, tally) = answering(async |_| rich());
    let layer = layer()
        .0
        .replay_headers([HeaderName::from_static("x-mine")]);
    let server = Server::of(router.layer(layer)).await;
    let first = server.ask(post("17"), "an order").await;
    let again = server.ask(post("17"), "an order").await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.body, bytes());
    let values =
        |reply: &Reply, name| -> Vec<_> { reply.headers.get_all(name).iter().cloned().collect() };
    for name in [
        "location",
        "content-type",
        "content-length",
        "link",
        "x-mine",
    ] {
        assert!(!values(&first, name).is_empty(), "{name}");
        assert_eq!(values(&again, name), values(&first, name), "{name}");
    }
    assert_eq!(values(&again, "link").len(), 2);
    assert_eq!(again.headers["content-length"], "70000");
    assert!(first.headers.contains_key("x-other"));
    assert!(!again.headers.contains_key("x-other"));
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn headers_of_the_moment_are_never_replayed() {
    let (router, _) = answering(async |_| {
        let mut response = Response::new(Body::from("done"));
        for name in NEVER {
            let value = HeaderValue::from_static("of the first");
            response.headers_mut().insert(name, value);
        }
        response
    });
    let router = router.layer(layer().0);
    let first = ask(&router, post("17"), "").await;
    let again = ask(&router, post("17"), "").await;
    assert!(NEVER.iter().all(|name| first.headers.contains_key(*name)));
    // axum states the length again.
    let left = again
        .headers
        .keys()
        .filter(|name| *name != "content-length");
    assert_eq!(left.collect::<Vec<_>>(), ["idempotency-replayed"]);
    assert_eq!(again.text(), "done");
}

#[test]
fn a_header_that_is_never_replayed_cannot_be_configured() {
    for name in NEVER {
        let name = HeaderName::from_static(name);
        let asked = std::panic::catch_unwind(|| layer().0.replay_headers([name]));
        assert!(asked.is_err());
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for value in ["one", "two"] {
        trailers.append("x-sum", HeaderValue::from_static(value));
    }
    trailers
}

#[tokio::test]
async fn trailers_are_given_again() {
    let (router, _) = answering(async |_| {
        let trailers = async { Some(Ok(trailers())) };
        Response::new(Body::new(Body::from("done").with_trailers(trailers)))
    });
    let router = router.layer(layer().0);
    let first = ask(&router, post("17"), "").await;
    let again = ask(&router, post("17"), "").await;
    assert!(again.is_replayed());
    assert_eq!((first.text(), again.text()), ("done", "done"));
    assert_eq!(
        (&first.trailers, &again.trailers),
        (&trailers(), &trailers())
    );
}

/// HTTP/1.1 sends no trailers after a body with a `Content-Length`.
#[tokio::test]
async fn trailers_reach_a_client_of_http_1() {
    let (router, _) = answering(async |_| {
        let frames = [Frame::data("done".into()), Frame::trailers(trailers())];
        let frames = stream::iter(frames.map(Ok::<_, Infallible>));
        let mut response = Response::new(Body::new(StreamBody::new(frames)));
        let named = HeaderValue::from_static("x-sum");
        response.headers_mut().insert("trailer", named);
        response
    });
    let server = Server::of(router.layer(layer().0)).await;
    let first = server.ask(post("17").header("te", "trailers"), "").await;
    assert_eq!((first.text(), &first.trailers), ("done", &trailers()));
}

/// Sends a request twice. Returns whether the work was done twice.
async fn is_done_anew(router: &Router, tally: &Tally) -> bool {
    let before = tally.count();
    let first = ask(router, post("17"), "").await;
    let again = ask(router, post("17"), "").await;
    if again.status != first.status {
        assert_eq!(again.problem(), "still-running");
        assert_eq!(tally.count(), before + 1);
        return false;
    }
    assert_eq!(again.is_replayed(), tally.count() == before + 1);
    !again.is_replayed()
}

fn status(status: u16) -> Response {
    let mut response = Response::new(Body::from("an answer"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test]
async fn work_is_repeated_if_its_response_may_change() {
    let released = [401, 403, 408, 409, 425, 429, 503];
    for code in (200..600).filter(|code| code % 100 < 52) {
        let (router, tally) = answering(move |_| async move { status(code) });
        let (layer, counts) = layer();
        let anew = is_done_anew(&router.layer(layer), &tally).await;
        assert_eq!(anew, released.contains(&code), "{code}");
        assert!(is_settled(counts.snapshot()));
    }
}

#[tokio::test]
async fn denials_are_kept_and_errors_are_not_if_set() {
    for code in [401, 403, 500, 501] {
        let (router, tally) = answering(move |_| async move { status(code) });
        let layer = layer().0.keep_denials().retry_server_errors();
        let anew = is_done_anew(&router.layer(layer), &tally).await;
        assert_eq!(anew, code >= 500, "{code}");
    }
}

#[tokio::test]
async fn a_handler_can_decide_what_is_kept() {
    for code in [200, 503] {
        for decision in [StoreDecision::Store, StoreDecision::Release] {
            let (router, tally) = answering(move |_| async move {
                let mut response = status(code);
                response.extensions_mut().insert(decision);
                response
            });
            let anew = is_done_anew(&router.layer(layer().0), &tally).await;
            assert_eq!(anew, decision == StoreDecision::Release, "{code}");
        }
    }
}

#[tokio::test]
async fn a_private_response_is_not_given_to_another_client() {
    let (router, tally) = answering(async |_| {
        let mut response = rich();
        response.extensions_mut().insert(StoreDecision::WithoutBody);
        response
    });
    let (layer, counts) = layer();
    let router = router.layer(layer);
    assert_eq!(ask(&router, post("17"), "").await.body, bytes());
    let again = ask(&router, post("17"), "").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.problem(), "response-not-retained");
    let problem: serde_json::Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(problem["original-status"], 201);
    assert_eq!(problem["original-location"], "/orders/1");
    assert_eq!((tally.count(), counts.snapshot().not_retained), (1, 1));
}

#[tokio::test]
async fn a_refusal_of_this_crate_is_never_stored() {
    let (router, tally) = answering(async |_| status(200));
    let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
    let as_if_done = map_response(async |mut response: Response| {
        *response.status_mut() = StatusCode::OK;
        response
    });
    let router = router
        .layer(RateLimitLayer::new(limiter.clone()))
        .layer(as_if_done)
        .layer(layer().0);
    assert!(ask(&router, post("17"), "").await.status.is_success());
    for _ in 0..2 {
        let refused = ask(&router, post("18"), "").await;
        assert!(refused.status.is_success() && !refused.is_replayed());
    }
    limiter.reset();
    assert!(ask(&router, post("18"), "").await.status.is_success());
    assert_eq!(tally.count(), 2);
}

#[tokio::test]
async fn a_buffered_body_is_one_frame() {
    let (router, _) = answering(async |_| Response::new(Body::from("done")));
    let router = router.layer(layer().0);
    ask(&router, post("17"), "").await;
    let request = post("17").body(Body::empty()).unwrap();
    let Ok(response) = tower::ServiceExt::oneshot(router, request).await;
    let mut body = response.into_body();
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(4));
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "done");
    assert!(http_body::Body::is_end_stream(&body));
    assert_eq!(BufferedBody::default().bytes(), "");
}
