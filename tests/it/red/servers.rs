//! axum over real sockets, and clients that hang up.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    response::{Sse, sse::Event},
    routing::get,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Response, StatusCode};
use sluicegate::{
    deadline::EnforceDeadlineLayer,
    red::{Cause, Outcome, RedLayer, Registry},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use super::support::{in_flight, outcomes, the_only};
use crate::{
    http::serve,
    support::{a_few, layer_of, ms},
};

/// Sends a whole request and reads the answer until the server closes.
async fn exchange(address: std::net::SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Runs until the client hangs up, and then reports it.
struct Endless(mpsc::UnboundedSender<()>);

impl Endless {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        let first = stream::once(async { Ok(Bytes::from("tick\n")) });
        first.chain(stream::pending()).map(move |tick| {
            let _held = &self;
            tick
        })
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        // The receiver may be gone.
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn every_answer_of_a_server_is_counted_once() {
    let metrics = Registry::new();
    let app = Router::new()
        .route("/whole", get(|| async { "whole" }))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }))
        .route("/same", get(|| async { StatusCode::NOT_MODIFIED }))
        .route(
            "/chunks",
            get(|| async {
                let chunks = stream::iter(["a", "b"]).map(Ok::<_, Infallible>);
                Body::from_stream(chunks)
            }),
        )
        .route(
            "/long",
            get(|| async {
                // The length is said by a header, and the body does not know it.
                let chunks = stream::iter(["four", "more"]).map(Ok::<_, Infallible>);
                Response::builder()
                    .header("content-length", 8)
                    .body(Body::from_stream(chunks))
                    .unwrap()
            }),
        )
        .route("/panic", get(|| async { panic!("as told") as &str }))
        .layer(RedLayer::server(&metrics));
    let address = serve(app).await;
    for line in [
        "GET /whole",
        "HEAD /whole",
        "GET /none",
        "GET /same",
        "GET /chunks",
        "GET /long",
    ] {
        let answer = exchange(address, line).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{line}: {answer}");
    }
    assert_eq!(exchange(address, "GET /panic").await, "");
    let expected = [("ok", 6), ("panic", 1)].into();
    assert_eq!((in_flight(&metrics), outcomes(&metrics)), (0, expected));
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_body_is_cancelled() {
    let metrics = Registry::new();
    let (dropped, mut seen) = mpsc::unbounded_channel();
    let app = Router::new()
        .route(
            "/ticks",
            get(move || async { Body::from_stream(Endless(dropped).stream()) }),
        )
        .layer(RedLayer::server(&metrics));
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    stream
        .write_all(b"GET /ticks HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"tick\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert_eq!(in_flight(&metrics), 1);
    drop(stream);
    seen.recv().await.unwrap();
    assert_eq!(in_flight(&metrics), 0);
    assert_eq!(the_only(&metrics.snapshot()).cause(), Cause::DroppedInBody);
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_answer_is_cancelled() {
    let metrics = Registry::new();
    let (dropped, mut seen) = mpsc::unbounded_channel();
    let (called, mut begun) = mpsc::unbounded_channel();
    let handler = move || async move {
        let _held = Endless(dropped);
        called.send(()).unwrap();
        std::future::pending::<&str>().await
    };
    let app = Router::new()
        .route("/stuck", get(handler))
        .layer(RedLayer::server(&metrics));
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    stream
        .write_all(b"GET /stuck HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    begun.recv().await.unwrap();
    assert_eq!(in_flight(&metrics), 1);
    drop(stream);
    seen.recv().await.unwrap();
    assert_eq!(in_flight(&metrics), 0);
    assert_eq!(
        the_only(&metrics.snapshot()).cause(),
        Cause::DroppedBeforeHead
    );
}

#[tokio::test]
async fn a_listener_that_leaves_ends_its_events() {
    let metrics = Registry::new();
    let (dropped, mut seen) = mpsc::unbounded_channel();
    let handler = move || async {
        let events = Endless(dropped).stream();
        Sse::new(events.map(|_| Ok::<_, Infallible>(Event::default().data("tick"))))
    };
    let app = Router::new()
        .route("/events", get(handler))
        .layer(RedLayer::server(&metrics));
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    stream.read_u8().await.unwrap();
    drop(stream);
    seen.recv().await.unwrap();
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    assert_eq!(
        (one.outcome(), one.is_streamed()),
        (Outcome::Cancelled, true)
    );
}

#[tokio::test]
async fn an_upgrade_ends_with_its_head() {
    let metrics = Registry::new();
    let app = Router::new()
        .route(
            "/socket",
            get(|| async {
                let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
                response
                    .header("connection", "upgrade")
                    .header("upgrade", "echo")
                    .body(Body::empty())
                    .unwrap()
            }),
        )
        .layer(RedLayer::server(&metrics));
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    let request =
        b"GET /socket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert_eq!(
        (in_flight(&metrics), outcomes(&metrics)),
        (0, [("ok", 1)].into())
    );
}

#[tokio::test]
async fn layers_may_be_on_either_side() {
    let metrics = Registry::new();
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .layer(RedLayer::server(&metrics))
        .layer(layer_of(a_few(2)))
        .layer(EnforceDeadlineLayer::new().default_timeout(ms(60_000)))
        .layer(RedLayer::server(&metrics));
    let address = serve(app).await;
    for _ in 0..3 {
        exchange(address, "GET /").await;
    }
    assert_eq!(outcomes(&metrics), [("ok", 4), ("shed", 1)].into());
}
