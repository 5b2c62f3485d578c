//! The layer under axum over real sockets: when clients get their permits, and
//! when these go back.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use sluicegate::{
    concurrency::{ConcurrencyLayer, Direct, Local, UpgradeGuard},
    idempotency::{self, IdempotencyLayer},
    red::{Outcome, RedLayer, Registry},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

/// Serves a router on a free port until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends a request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nhost: test\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

/// Reads until this text has come.
pub(crate) async fn read_until(client: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut piece = [0; 1_024];
        let bytes = client.read(&mut piece).await.unwrap();
        assert!(
            bytes > 0,
            "closed after {:?}",
            String::from_utf8_lossy(&read)
        );
        read.extend_from_slice(&piece[..bytes]);
    }
    String::from_utf8(read).unwrap()
}

/// Waits until this many permits are in flight.
async fn in_flight(permits: &Local<Direct>, count: u32) {
    while permits.usage().in_flight != count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A route whose body is sent frame by frame by the test.
fn streamed() -> (Router, mpsc::Sender<Bytes>) {
    let (sender, frames) = mpsc::channel::<Bytes>(1);
    let frames = Arc::new(Mutex::new(Some(frames)));
    let handler = move || {
        let frames = frames.lock().unwrap().take();
        async move {
            let mut frames = frames.unwrap();
            let frames = futures_util::stream::poll_fn(move |cx| {
                frames
                    .poll_recv(cx)
                    .map(|frame| frame.map(Ok::<_, Infallible>))
            });
            Response::new(Body::from_stream(frames))
        }
    };
    (Router::new().route("/stream", get(handler)), sender)
}

#[tokio::test]
async fn two_routes_share_one_limit_while_a_body_is_sent() {
    let permits = Local::new(1);
    let (router, frames) = streamed();
    let router = router
        .route("/other", get(|| async { "hello" }))
        .layer(ConcurrencyLayer::new(permits.clone()));
    let address = serve(router).await;
    let mut slow = send(address, "GET /stream").await;
    frames.send(Bytes::from("first")).await.unwrap();
    read_until(&mut slow, "first").await;

    // The head is there, and the permit still in use: by the other route, too.
    let refused = read_until(&mut send(address, "GET /other").await, "retry later").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");

    drop(frames);
    read_until(&mut slow, "0\r\n\r\n").await;
    in_flight(&permits, 0).await;
    let passed = read_until(&mut send(address, "GET /other").await, "hello").await;
    assert!(passed.starts_with("HTTP/1.1 200"), "{passed}");
}

#[tokio::test]
async fn a_client_that_hangs_up_gives_its_permit_back() {
    let permits = Local::new(1);
    let (router, frames) = streamed();
    let router = router
        .route("/hangs", get(std::future::pending::<()>))
        .layer(ConcurrencyLayer::new(permits.clone()));
    let address = serve(router).await;

    // Before the head.
    let client = send(address, "GET /hangs").await;
    in_flight(&permits, 1).await;
    drop(client);
    in_flight(&permits, 0).await;

    // In the body.
    let mut client = send(address, "GET /stream").await;
    frames.send(Bytes::from("first")).await.unwrap();
    read_until(&mut client, "first").await;
    drop(client);
    // The server notices while it waits for the next frame, or as it sends it.
    while permits.usage().in_flight > 0 {
        let _ = frames.try_send(Bytes::from("next"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Upgrades the connection, writes a greeting, and serves it until `end`.
fn greeting(end: Arc<Notify>) -> Router {
    let handler = move |Extension(guard): Extension<UpgradeGuard>, request: Request| {
        let end = end.clone();
        async move {
            tokio::spawn(async move {
                let _guard = guard;
                let connection = hyper::upgrade::on(request).await.unwrap();
                let mut connection = TokioIo::new(connection);
                connection.write_all(b"greetings").await.unwrap();
                end.notified().await;
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "websocket")
                .body(Body::empty())
                .unwrap()
        }
    };
    Router::new().route("/socket", get(handler))
}

#[tokio::test]
async fn an_upgraded_connection_counts_until_its_task_ends() {
    let (permits, end) = (Local::new(1), Arc::new(Notify::new()));
    let layer = ConcurrencyLayer::new(permits.clone()).count_upgrades();
    let router = greeting(end.clone())
        .route("/other", get(|| async { "hello" }))
        .layer(layer);
    let address = serve(router).await;
    let upgrade = "GET /socket HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nx:";
    let mut socket = send(address, upgrade).await;
    read_until(&mut socket, "greetings").await;
    assert_eq!(permits.usage().in_flight, 1);
    let refused = read_until(&mut send(address, "GET /other").await, "retry later").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    end.notify_one();
    in_flight(&permits, 0).await;
}

#[tokio::test]
async fn a_request_that_is_shed_takes_no_idempotency_key() {
    let (permits, start) = (Local::new(1), Arc::new(Notify::new()));
    let store = idempotency::Local::new();
    let handler = {
        let start = start.clone();
        move || {
            let start = start.clone();
            async move {
                start.notified().await;
                "done"
            }
        }
    };
    let registry = Registry::new();
    let router = Router::new()
        .route("/orders", post(handler))
        .layer(IdempotencyLayer::new(store).global_scope())
        .layer(ConcurrencyLayer::new(permits.clone()))
        .layer(RedLayer::server(&registry));
    let address = serve(router).await;
    let order = |key: &str| {
        format!("POST /orders HTTP/1.1\r\ncontent-length: 0\r\nidempotency-key: {key}\r\nx:")
    };
    let mut first = send(address, &order("1")).await;
    in_flight(&permits, 1).await;
    let shed = read_until(&mut send(address, &order("2")).await, "retry later").await;
    assert!(shed.starts_with("HTTP/1.1 503"), "{shed}");
    start.notify_one();
    read_until(&mut first, "done").await;
    in_flight(&permits, 0).await;

    // With a lease or a record of the refused one, this were a 409 or a replay.
    start.notify_one();
    let second = read_until(&mut send(address, &order("2")).await, "done").await;
    assert!(second.starts_with("HTTP/1.1 200"), "{second}");
    assert!(!second.contains("idempotency-replayed"), "{second}");
    // The refusal is counted as one, by its extension and not by its status.
    let seen = registry.snapshot();
    let count = |outcome| seen.count(outcome);
    assert_eq!((count(Outcome::Shed), count(Outcome::ServerError)), (1, 0));
}
