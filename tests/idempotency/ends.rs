//! Responses whose end contradicts their head.

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::server::{Reply, Tally, answering, layer, post};

/// Returns a response with these headers, and a body in chunks of this size
/// that are ready at once or one by one.
fn answer(headers: &[(&'static str, &'static str)], body: &[u8], size: usize) -> Response {
    let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let one_by_one = futures_util::StreamExt::then(pieces, async |piece| {
        tokio::task::yield_now().await;
        piece
    });
    let mut response = Response::new(Body::from_stream(Box::pin(one_by_one)));
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(*name, value);
    }
    response
}

/// Sends a request. Returns the response if its body is complete.
async fn ask(router: &Router, request: Request<Body>) -> Option<Reply> {
    let Ok(response) = router.clone().oneshot(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok()?;
    let whole = http::Response::from_parts(head, Body::from(body.to_bytes()));
    Some(Reply::of(whole).await)
}

fn keyed() -> Request<Body> {
    post("17").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_response_that_is_not_as_long_as_its_head_says_is_never_kept() {
    for (length, size) in [("12", 100), ("12", 2), ("3", 100), ("3", 2)] {
        let (router, tally) =
            answering(
                move |_| async move { answer(&[("content-length", length)], b"sixsix", size) },
            );
        let (layer, counts) = layer();
        let router = router.layer(layer);
        assert_eq!(ask(&router, keyed()).await, None, "{length} {size}");
        let again = ask(&router, keyed()).await.unwrap();
        assert_eq!(again.problem(), "still-running", "{length} {size}");
        assert_eq!((tally.count(), counts.snapshot().completed), (1, 0));
    }
}

#[tokio::test]
async fn a_response_of_the_promised_length_is_kept() {
    for size in [100, 2] {
        let (router, _) =
            answering(move |_| async move { answer(&[("content-length", "6")], b"sixsix", size) });
        let router = router.layer(layer().0);
        assert_eq!(ask(&router, keyed()).await.unwrap().text(), "sixsix");
        let again = ask(&router, keyed()).await.unwrap();
        assert!(again.is_replayed());
        assert_eq!(again.text(), "sixsix");
    }
}

#[tokio::test]
async fn a_response_without_a_body_may_state_any_length() {
    for (method, status) in [
        (Method::HEAD, StatusCode::OK),
        (Method::POST, StatusCode::NO_CONTENT),
        (Method::POST, StatusCode::NOT_MODIFIED),
    ] {
        let (router, tally) = answering(move |_| async move {
            let mut response = answer(&[("content-length", "12")], b"", 1);
            *response.status_mut() = status;
            response
        });
        let (layer, counts) = layer();
        let router = router.layer(layer.methods([Method::HEAD, Method::POST]));
        for _ in 0..2 {
            let mut request = keyed();
            *request.method_mut() = method.clone();
            let reply = ask(&router, request).await.unwrap();
            assert_eq!(reply.status, status, "{method}");
        }
        assert_eq!((tally.count(), counts.snapshot().completed), (1, 1));
    }
}

/// A message of five bytes, and trailers.
fn web(trailers: &str) -> Vec<u8> {
    let length = u8::try_from(trailers.len()).unwrap();
    let message = b"\0\0\0\0\x05hello";
    [&message[..], &[0x80, 0, 0, 0, length], trailers.as_bytes()].concat()
}

/// Returns how a gRPC-Web call with this response body ended.
async fn of(content_type: &'static str, body: Vec<u8>, size: usize) -> (Tally, Option<Reply>) {
    let (router, tally) = answering(move |_| {
        let body = body.clone();
        async move { answer(&[("content-type", content_type)], &body, size) }
    });
    let router = router.layer(layer().0);
    ask(&router, keyed()).await;
    (tally, ask(&router, keyed()).await)
}

#[tokio::test]
async fn grpc_web_is_kept_by_the_status_in_its_body() {
    for size in [1_000, 1] {
        for (status, is_done_anew) in [("0", false), ("5", false), ("14", true), ("8", true)] {
            let body = web(&format!("grpc-status:{status}\r\n"));
            let (tally, again) = of("Application/gRPC-Web+proto", body.clone(), size).await;
            let again = again.unwrap();
            assert_eq!(again.is_replayed(), !is_done_anew, "{status} {size}");
            assert_eq!(tally.count(), 1 + usize::from(is_done_anew), "{status}");
            assert_eq!(again.body, body);
        }
    }
}

#[tokio::test]
async fn grpc_web_in_base64_is_too() {
    // The message and its status 14, each with a padding of its own.
    let body = b"AAAAAAVoZWxsbw==gAAAABBncnBjLXN0YXR1czoxNA0K".to_vec();
    let (tally, again) = of("application/grpc-web-text", body, 3).await;
    assert!(!again.unwrap().is_replayed());
    assert_eq!(tally.count(), 2);
}

#[tokio::test]
async fn grpc_web_without_a_status_has_an_unknown_outcome() {
    let cut = web("grpc-status:0\r\n")[..14].to_vec();
    let (tally, again) = of("application/grpc-web", cut, 1_000).await;
    assert_eq!(again.unwrap().status, StatusCode::CONFLICT);
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn the_layer_of_tonic_web_may_be_inside() {
    for content_type in [
        "application/grpc-web+proto",
        "application/grpc-web-text+proto",
    ] {
        for (status, times) in [("0", 1), ("14", 2)] {
            let tally = Tally::default();
            let counted = tally.clone();
            let payments = tower::service_fn(move |_: Request<tonic::body::Body>| {
                counted.add();
                async move {
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("grpc-status", status.parse().unwrap());
                    let message = http_body::Frame::data(Bytes::from_static(b"\0\0\0\0\x05hello"));
                    let frames = [message, http_body::Frame::trailers(trailers)];
                    let frames = stream::iter(frames.map(Ok::<_, tonic::Status>));
                    let body = tonic::body::Body::new(http_body_util::StreamBody::new(frames));
                    let response = Response::builder().header("content-type", "application/grpc");
                    Ok::<_, std::convert::Infallible>(response.body(body).unwrap())
                }
            });
            let service = tower::ServiceBuilder::new()
                .layer(layer().0)
                .layer(tonic_web::GrpcWebLayer::new())
                .service(payments);
            for _ in 0..2 {
                let request = post("17").header("content-type", content_type);
                let request = request.header("accept", content_type);
                let request = request.body(Body::empty()).unwrap();
                let response = service.clone().oneshot(request).await.unwrap();
                assert_eq!(response.headers()["content-type"], content_type);
                response.into_body().collect().await.unwrap();
            }
            assert_eq!(tally.count(), times, "{content_type} {status}");
        }
    }
}
