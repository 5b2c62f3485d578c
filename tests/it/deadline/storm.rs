//! Every request gets an answer, however short its deadline is: over real sockets,
//! with bodies that are whole, chunked, copied by the idempotency layer, or endless. `SLUICEGATE_STORM=long` sends 10,000 requests of each kind.

use std::{
    convert::Infallible,
    env,
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, body::Body, extract::Path, routing::any};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use http::Request;
use sluicegate::{
    deadline::EnforceDeadlineLayer,
    idempotency::{self, IdempotencyLayer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
    time::sleep,
};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{servers::channel, support::ms};
use crate::http::serve;

/// The timeouts that requests ask for, and how many milliseconds their handler
/// waits. The last one ends at its deadline.
const TIMEOUTS: [(&str, u64); 5] = [
    ("1ns", 0),
    ("100ns", 0),
    ("10us", 0),
    ("1ms", 0),
    ("2ms", 2),
];

const BODIES: [&str; 5] = ["whole", "chunked", "teed", "lasting", "empty-lasting"];

/// How many requests are under way at once.
const CLIENTS: usize = 100;

/// How many requests of each kind each client sends.
fn rounds() -> usize {
    match env::var("SLUICEGATE_STORM") {
        Ok(how) if how == "long" => 10_000 / CLIENTS,
        _ => 2,
    }
}

fn chunks() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(0..3).then(|number| async move {
        if number == 2 {
            yield_now().await;
        }
        Ok(Bytes::from_static(b"chunk"))
    })
}

async fn handler(Path((wait, body)): Path<(u64, String)>) -> Body {
    if wait > 0 {
        sleep(ms(wait)).await;
    }
    let forever = stream::once(pending());
    match &*body {
        "whole" => Body::from("hello"),
        "lasting" => Body::from_stream(chunks().chain(forever)),
        "empty-lasting" => Body::from_stream(forever),
        _ => Body::from_stream(chunks()),
    }
}

async fn server() -> SocketAddr {
    let once = IdempotencyLayer::new(idempotency::Local::new()).global_scope();
    let router = Router::new()
        .route("/{wait}/{body}", any(handler))
        .layer(once)
        .layer(EnforceDeadlineLayer::new());
    serve(router).await
}

/// Returns a new key for each request whose response is kept.
fn key(body: &str) -> Option<String> {
    static KEYS: AtomicUsize = AtomicUsize::new(0);
    (body == "teed").then(|| format!("\"storm-{}\"", KEYS.fetch_add(1, Relaxed)))
}

/// A client of HTTP/1.1 that reconnects when its connection was closed.
struct Http1 {
    address: SocketAddr,
    stream: TcpStream,
    read: Vec<u8>,
}

impl Http1 {
    async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let read = Vec::new();
        Self {
            address,
            stream,
            read,
        }
    }

    /// Returns whether there was an answer.
    async fn ask(&mut self, (timeout, wait): (&str, u64), body: &str) -> bool {
        let key = key(body).map_or(String::new(), |key| format!("idempotency-key: {key}\r\n"));
        let request = format!(
            "POST /{wait}/{body} HTTP/1.1\r\nhost: storm\r\ncontent-length: 0\r\n{key}\
             x-request-timeout: {timeout}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.read.clear();
        let Some(head) = self.until(|read| find(read, b"\r\n\r\n")).await else {
            return false;
        };
        let text = String::from_utf8(self.read[..head].to_vec()).unwrap();
        assert!(text.starts_with("HTTP/1.1 "), "{text}");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let whole = match length {
            Some(length) => {
                let end = head + length.parse::<usize>().unwrap();
                self.until(|read| (read.len() >= end).then_some(end)).await
            }
            None => {
                self.until(|read| find(&read[head - 2..], b"\r\n0\r\n\r\n"))
                    .await
            }
        };
        if whole.is_none() {
            assert!(length.is_none(), "a body of known size was torn: {text}");
            *self = Self::to(self.address).await;
        }
        true
    }

    /// Reads until `found` returns something; `None` if the connection ends first.
    async fn until(&mut self, found: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        loop {
            if let Some(found) = found(&self.read) {
                return Some(found);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => (),
            }
        }
    }
}

/// Returns the index behind `wanted`.
fn find(read: &[u8], wanted: &[u8]) -> Option<usize> {
    let at = read.windows(wanted.len()).position(|it| it == wanted);
    at.map(|at| at + wanted.len())
}

/// How many requests were sent, and how many of them got no answer.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Tally {
    fn count(&self, answered: bool) {
        self.sent.fetch_add(1, Relaxed);
        self.unanswered.fetch_add(usize::from(!answered), Relaxed);
    }

    fn check(&self, what: &str) {
        let unanswered = self.unanswered.load(Relaxed);
        let sent = self.sent.load(Relaxed);
        println!("{what}: {unanswered} of {sent} without an answer");
        assert_eq!(sent, CLIENTS * rounds());
        assert_eq!(unanswered, 0, "{what}");
    }
}

fn kinds() -> impl Iterator<Item = ((&'static str, u64), &'static str)> {
    let bodies = |timeout| BODIES.map(|body| (timeout, body));
    TIMEOUTS.into_iter().flat_map(bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_over_http1_has_an_answer() {
    let address = server().await;
    for (timeout, body) in kinds() {
        let tally = Tally::default();
        let client = async || {
            let mut client = Http1::to(address).await;
            for _ in 0..rounds() {
                let answered = client.ask(timeout, body).await;
                tally.count(answered);
                if !answered {
                    client = Http1::to(address).await;
                }
            }
        };
        join_all((0..CLIENTS).map(|_| client())).await;
        tally.check(&format!("HTTP/1.1, {timeout:?}, {body}"));
    }
}

async fn http2(address: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Returns whether there was an answer over HTTP/2.
async fn ask_http2(
    mut client: h2::client::SendRequest<Bytes>,
    (timeout, wait): (&str, u64),
    body: &str,
) -> bool {
    let mut request = Request::post(format!("http://storm/{wait}/{body}"));
    request = request.header("x-request-timeout", timeout);
    if let Some(key) = key(body) {
        request = request.header("idempotency-key", key);
    }
    client = client.ready().await.unwrap();
    let (response, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    let Ok(response) = response.await else {
        return false;
    };
    let is_sized = response.headers().contains_key("content-length");
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let Ok(data) = data else {
            assert!(!is_sized, "a body of known size was torn");
            break;
        };
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_over_http2_has_an_answer() {
    let address = server().await;
    for (timeout, body) in kinds() {
        let tally = Arc::new(Tally::default());
        let connections = join_all((0..5).map(|_| http2(address))).await;
        let clients = (0..CLIENTS).map(|number| {
            let (client, tally) = (connections[number % 5].clone(), tally.clone());
            tokio::spawn(async move {
                for _ in 0..rounds() {
                    tally.count(ask_http2(client.clone(), timeout, body).await);
                }
            })
        });
        for client in join_all(clients).await {
            client.unwrap();
        }
        tally.check(&format!("HTTP/2, {timeout:?}, {body}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grpc_call_ends_with_ok_or_status_4() {
    for (timeout, _) in TIMEOUTS {
        let channels = join_all((0..5).map(|_| channel(EnforceDeadlineLayer::new()))).await;
        let call = async |channel: &Channel| {
            for _ in 0..rounds() {
                let mut client = HealthClient::new(channel.clone());
                let request = || {
                    let mut request = tonic::Request::new(HealthCheckRequest::default());
                    let timeout = timeout.parse().unwrap();
                    request.metadata_mut().insert("x-request-timeout", timeout);
                    request
                };
                if let Err(status) = client.check(request()).await {
                    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
                }
                let status = match client.watch(request()).await {
                    Ok(stream) => last(stream.into_inner()).await,
                    Err(status) => status,
                };
                assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
            }
        };
        join_all((0..CLIENTS).map(|number| call(&channels[number % 5]))).await;
    }
}

/// Returns the status that a stream ends with.
async fn last<T>(mut stream: tonic::Streaming<T>) -> tonic::Status {
    loop {
        match stream.message().await {
            Ok(message) => assert!(message.is_some(), "a stream ended as if it were whole"),
            Err(status) => return status,
        }
    }
}
