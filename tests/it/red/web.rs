//! gRPC-Web, whose trailers are in the body.

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sluicegate::{
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    red::{Cause, Kind, Methods, Outcome, RedLayer, Registry, Status},
    refusal::BoxError,
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::support::{in_flight, the_only};

/// A message of five bytes, and trailers.
fn body(trailers: &str) -> Vec<u8> {
    let length = u8::try_from(trailers.len()).unwrap();
    let message = b"\0\0\0\0\x05hello";
    [&message[..], &[0x80, 0, 0, 0, length], trailers.as_bytes()].concat()
}

fn request(content_type: &str) -> Request<String> {
    let request = Request::post("/pkg.Service/Get").header("content-type", content_type);
    request.body(String::new()).unwrap()
}

/// Returns the outcomes of both sides for a response with this body, in pieces of
/// this size.
async fn of(content_type: &str, body: &[u8], size: usize) -> (Outcome, Cause, Option<Status>) {
    let mut seen = Vec::new();
    for side in [RedLayer::server, RedLayer::client] {
        let metrics = Registry::new();
        let answer = service_fn(async |_: Request<String>| {
            let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
            let frames = pieces
                .into_iter()
                .map(|it| Ok::<_, BoxError>(Frame::data(it)));
            let body = StreamBody::new(stream::iter(frames));
            let response = Response::builder().header("content-type", content_type);
            Ok::<_, BoxError>(response.body(body).unwrap())
        });
        let response = side(&metrics).layer(answer).oneshot(request(content_type));
        let body = response.await.unwrap().into_body();
        Box::pin(body.collect()).await.unwrap();
        assert_eq!(in_flight(&metrics), 0);
        let snapshot = metrics.snapshot();
        assert!(snapshot.series[0].labels.kind().is_grpc());
        let one = the_only(&snapshot);
        seen.push((one.outcome(), one.cause(), one.status()));
    }
    assert_eq!(seen[0], seen[1]);
    seen[0]
}

const GRPC: fn(u8) -> Option<Status> = |code| Some(Status::Grpc(code));

#[tokio::test]
async fn the_status_in_the_body_counts() {
    let ok = body("grpc-status:0\r\n");
    let away = body("Grpc-Status: 14\r\ngrpc-message: away\r\n");
    for content_type in ["application/grpc-web", "Application/GRPC-Web+proto ; a=b"] {
        for size in [1, 3, 7, 1_000] {
            let seen = of(content_type, &ok, size).await;
            assert_eq!(seen, (Outcome::Ok, Cause::Status, GRPC(0)));
            let seen = of(content_type, &away, size).await;
            assert_eq!(seen, (Outcome::ServerError, Cause::Status, GRPC(14)));
        }
    }
}

#[tokio::test]
async fn a_body_in_base64_is_read_too() {
    let away = body("grpc-status:14\r\n");
    let (one, other) = away.split_at(8);
    // Each piece with its own padding.
    let text = base64_of(one) + &base64_of(other);
    for size in [1, 5, 1_000] {
        let seen = of("application/grpc-web-text", text.as_bytes(), size).await;
        assert_eq!(seen, (Outcome::ServerError, Cause::Status, GRPC(14)));
    }
}

fn base64_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quanta = bytes.chunks(3).flat_map(|three| {
        let mut word = [0; 4];
        word[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(word);
        let length = three.len();
        (0..4).map(move |nth| match nth > length {
            true => '=',
            false => char::from(DIGITS[(bits >> (18 - 6 * nth) & 63) as usize]),
        })
    });
    quanta.collect()
}

#[tokio::test]
async fn a_body_without_trailers_has_broken_off() {
    let whole = body("grpc-status:0\r\n");
    for length in [0, 3, 10, 12, whole.len() - 1] {
        let seen = of("application/grpc-web", &whole[..length], 4).await;
        let expected = (Outcome::ServerError, Cause::Truncated, GRPC(2));
        assert_eq!(seen, expected, "{length}");
    }
}

#[tokio::test]
async fn a_client_that_has_the_trailers_has_all() {
    let metrics = Registry::new();
    let answer = service_fn(async |_: Request<String>| {
        let frame = Frame::data(Bytes::from(body("grpc-status:0\r\n")));
        let frames = stream::iter([Ok::<_, BoxError>(frame)]);
        let body = StreamBody::new(futures_util::StreamExt::chain(frames, stream::pending()));
        let response = Response::builder().header("content-type", "application/grpc-web");
        Ok::<_, BoxError>(response.body(body).unwrap())
    });
    let client = RedLayer::client(&metrics).layer(answer);
    let response = client
        .oneshot(request("application/grpc-web"))
        .await
        .unwrap();
    let mut body = Box::pin(response.into_body());
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(metrics.snapshot().count(Outcome::Ok), 1);
}

/// axum knows the route, and the registry does not know it as a method of gRPC.
#[tokio::test]
async fn a_grpc_error_on_an_http_route_is_a_failure() {
    for (content_type, answer) in [
        ("application/grpc-web+proto", body("grpc-status:14\r\n")),
        (
            "application/grpc-web-text",
            base64_of(&body("grpc-status:14\r\n")).into(),
        ),
    ] {
        let metrics = Registry::new();
        let handler = async move || ([("content-type", content_type)], answer.clone());
        let app = axum::Router::new()
            .route("/pkg.Service/Get", axum::routing::post(handler))
            .layer(RedLayer::server(&metrics));
        let request = request(content_type).map(axum::body::Body::from);
        let response = app.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        let snapshot = metrics.snapshot();
        assert_eq!(the_only(&snapshot).outcome(), Outcome::ServerError);
        assert_eq!(snapshot.series[0].labels.kind(), Kind::HttpServer);
    }
}

#[tokio::test]
async fn a_refusal_speaks_it_and_is_counted() {
    for content_type in ["application/grpc-web", "application/grpc-web-text+proto"] {
        let methods = Methods::new().unary("pkg.Service/Get");
        let metrics = Registry::builder().methods(methods).build();
        let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
        let answer = service_fn(async |_: Request<String>| {
            let response = Response::builder().header("content-type", "application/grpc-web");
            let body = String::from_utf8_lossy(&body("grpc-status:0\r\n")[..10]).into_owned();
            Ok::<_, BoxError>(response.header("grpc-status", "0").body(body).unwrap())
        });
        let service = ServiceBuilder::new()
            .layer(RedLayer::server(&metrics))
            .layer(RateLimitLayer::new(limiter))
            .service(answer);
        let first = service
            .clone()
            .oneshot(request(content_type))
            .await
            .unwrap();
        drop(first.into_body().collect().await.unwrap());
        let refused = service.oneshot(request(content_type)).await.unwrap();
        assert_eq!(refused.headers()["content-type"], content_type);
        assert_eq!(refused.headers()["grpc-status"], "8");
        assert_eq!(refused.status(), 200);
        let body = refused.into_body().collect().await.unwrap();
        assert!(body.to_bytes().is_empty());
        let snapshot = metrics.snapshot().route("pkg.Service/Get");
        assert_eq!(snapshot.count(Outcome::Shed), 1, "{snapshot:#?}");
        assert_eq!(snapshot.count(Outcome::Ok), 1, "its head said so");
    }
}

/// The response of tonic to `/pkg.Service/Get`: a message, and trailers with this
/// status.
fn tonic_says(
    status: &'static str,
) -> impl tower::Service<
    Request<tonic::body::Body>,
    Response = Response<tonic::body::Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    service_fn(move |_: Request<tonic::body::Body>| async move {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x05hello"));
        let frames = [message, Frame::trailers(trailers)].map(Ok::<_, tonic::Status>);
        let body = tonic::body::Body::new(StreamBody::new(stream::iter(frames)));
        let response = Response::builder().header("content-type", "application/grpc");
        Ok(response.body(body).unwrap())
    })
}

#[tokio::test]
async fn the_layer_of_tonic_web_may_be_on_either_side() {
    for content_type in [
        "application/grpc-web+proto",
        "application/grpc-web-text+proto",
    ] {
        for (status, outcome) in [("0", Outcome::Ok), ("14", Outcome::ServerError)] {
            let methods = Methods::new().unary("pkg.Service/Get");
            let metrics = Registry::builder().methods(methods).build();
            let web = tonic_web::GrpcWebLayer::new();
            let inside = ServiceBuilder::new()
                .layer(RedLayer::server(&metrics))
                .layer(web.clone())
                .service(tonic_says(status));
            let outside = ServiceBuilder::new()
                .layer(web)
                .layer(RedLayer::server(&metrics))
                .service(tonic_says(status));
            let request = || {
                let accept = http::HeaderValue::from_static(content_type);
                let mut request = request(content_type);
                request.headers_mut().insert("accept", accept);
                request
            };
            let response = inside.oneshot(request()).await.unwrap();
            assert_eq!(response.headers()["content-type"], content_type);
            response.into_body().collect().await.unwrap();
            let response = outside.oneshot(request()).await.unwrap();
            response.into_body().collect().await.unwrap();
            assert_eq!(in_flight(&metrics), 0);
            let snapshot = metrics.snapshot();
            let [series] = &snapshot.series[..] else {
                panic!("one, of gRPC: {snapshot:#?}");
            };
            assert_eq!(series.labels.route(), "pkg.Service/Get");
            assert_eq!(series.labels.kind(), Kind::GrpcServer);
            assert_eq!(snapshot.count(outcome), 2, "{content_type} {status}");
        }
    }
}
