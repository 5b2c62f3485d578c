//! An answer is as long as its head says, or it is not whole.

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use sluicegate::{
    red::{Cause, Outcome, RedLayer, Registry, Status},
    refusal::BoxError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{
    Act::{self, Grpc},
    Req, Step, acting, grpc_request, in_flight, request, the_only,
};

type Seen = (Outcome, Cause, Option<Status>);

const OK: Option<Status> = Some(Status::Http(200));

fn only(metrics: &Registry) -> Seen {
    assert_eq!(in_flight(metrics), 0);
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    (one.outcome(), one.cause(), one.status())
}

/// Returns the outcomes of both sides for a request whose response was read to
/// its end.
async fn of(act: Act, request: fn() -> Req) -> Seen {
    let sides = [RedLayer::server, RedLayer::client].map(|side| async move {
        let metrics = Registry::new();
        let service = side(&metrics).layer(acting(act));
        let response = service.oneshot(request()).await.unwrap();
        response.into_body().collect().await.unwrap();
        only(&metrics)
    });
    let [server, client] = sides;
    let (server, client) = (server.await, client.await);
    assert_eq!(server, client);
    server
}

const SHORT: Seen = (Outcome::ServerError, Cause::Truncated, OK);
const WHOLE: Seen = (Outcome::Ok, Cause::Status, OK);

#[tokio::test]
async fn a_clean_end_before_the_length_is_an_error() {
    const TWELVE: &[(&str, &str)] = &[("content-length", "12")];
    for (steps, seen) in [
        (&[Step::Data("sixsix")][..], SHORT),
        (&[Step::Data("sixsix"), Step::Trailers], SHORT),
        (&[], SHORT),
        (&[Step::Data("sixsix"), Step::Data("sixsix")], WHOLE),
    ] {
        assert_eq!(of(Grpc(TWELVE, steps), request).await, seen, "{steps:?}");
    }
    let listed = Grpc(&[("content-length", "12, 12")], &[Step::Data("sixsix")]);
    assert_eq!(of(listed, request).await, SHORT);
}

#[tokio::test]
async fn more_than_the_length_is_an_error_too() {
    let act = Grpc(&[("content-length", "3")], &[Step::Data("sixsix")]);
    let seen = of(act, request).await;
    assert_eq!(seen, (Outcome::ServerError, Cause::Body, OK));
}

#[tokio::test]
async fn a_length_that_says_nothing_is_not_missed() {
    for headers in [
        &[("content-length", "twelve")][..],
        &[("content-length", "12"), ("transfer-encoding", "chunked")],
    ] {
        let seen = of(Grpc(headers, &[Step::Data("sixsix")]), request).await;
        assert_eq!(seen, WHOLE, "{headers:?}");
    }
}

#[tokio::test]
async fn a_response_that_cannot_have_a_body_is_complete() {
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::CONNECT, 200),
        (Method::GET, 204),
        (Method::GET, 304),
    ] {
        let metrics = Registry::new();
        let answer = service_fn(async |_: Req| {
            let response = Response::builder().status(status);
            let response = response.header("content-length", "12");
            Ok::<_, BoxError>(response.body(String::new()).unwrap())
        });
        let request = Request::builder().method(&method).body(String::new());
        let service = RedLayer::client(&metrics).layer(answer);
        let response = service.oneshot(request.unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(only(&metrics).0, Outcome::Ok, "{method} {status}");
    }
}

#[tokio::test]
async fn a_call_that_is_too_short_is_an_error_whatever_its_trailers_say() {
    let call = || grpc_request("/pkg.Service/Get");
    for (length, outcome) in [("5", Outcome::Ok), ("10", Outcome::ServerError)] {
        let metrics = Registry::new();
        let answer = service_fn(async |_: Req| {
            let steps = [Step::Data("hello"), Step::Status("0")];
            let response = Response::builder().header("content-length", length);
            let body = super::support::Steps::of(&steps);
            Ok::<_, BoxError>(response.body(body).unwrap())
        });
        let service = RedLayer::server(&metrics).layer(answer);
        let response = service.oneshot(call()).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(only(&metrics).0, outcome, "{length}");
    }
}

/// A handler's answer over a socket, which hyper cuts off.
#[tokio::test]
async fn a_server_counts_what_its_client_finds_incomplete() {
    let metrics = Registry::new();
    let handler = || async {
        let chunk = futures_util::stream::iter([Ok::<_, std::convert::Infallible>("sixsix")]);
        let response = Response::builder().header("content-length", "12");
        let body = axum::body::Body::from_stream(chunk);
        response.body(body).unwrap()
    };
    let app = axum::Router::new()
        .route("/", axum::routing::get(handler))
        .layer(RedLayer::server(&metrics));
    let address = crate::http::serve(app).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    // hyper may drop the head, too.
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.ends_with("sixsixsixsix"), "{answer}");
    assert_eq!(only(&metrics), SHORT);
}

/// A server that closes in the middle of a body, as its client sees it.
#[tokio::test]
async fn a_client_counts_what_its_server_cuts_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nsixsix";
        stream.write_all(answer).await.unwrap();
    };
    let metrics = Registry::new();
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let client = client.build_http::<String>();
    let asked = async {
        let request = Request::get(format!("http://{address}/"));
        let request = request.body(String::new()).unwrap();
        let client = RedLayer::client(&metrics).layer(client);
        let response = client.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap_err()
    };
    tokio::join!(server, asked);
    let (outcome, _, status) = only(&metrics);
    assert_eq!((outcome, status), (Outcome::ServerError, OK));
}
