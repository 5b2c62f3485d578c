//! The layers around the clients that services use, over real sockets: one
//! stack of all three around `reqwest`, `hyper-util` and `tonic`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{client::legacy, rt::TokioExecutor};
use sluicegate::{
    client::{ObeyLayer, ReqwestClient, RetryLayer, ThrottleLayer, obey, throttle},
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::{Channel, Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceBuilder, ServiceExt};

/// A server that is dropped with its task.
struct TestServer {
    addr: SocketAddr,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The number of the call that a server refuses with 503.
const FAILS: usize = 12;

/// Allows 20 calls at once.
async fn http_server() -> TestServer {
    let calls = Arc::new(AtomicUsize::new(0));
    let limiter = Local::direct(TokenBucket::new(Quota::per_second(20)));
    let app = Router::new()
        .route("/", get(one_fails).post(one_fails))
        .layer(RateLimitLayer::new(limiter))
        .with_state(calls.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    TestServer { addr, calls, task }
}

async fn one_fails(State(calls): State<Arc<AtomicUsize>>, body: Bytes) -> (StatusCode, Bytes) {
    match calls.fetch_add(1, SeqCst) {
        FAILS => (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
        _ => (StatusCode::OK, body),
    }
}

/// What the layers have seen.
#[derive(Default)]
struct Seen {
    obey: Arc<obey::Counts>,
    throttle: Arc<throttle::Counts>,
}

impl Seen {
    fn layers(&self) -> (RetryLayer, ThrottleLayer, ObeyLayer) {
        let throttle = ThrottleLayer::new().observe(self.throttle.clone());
        let obey = ObeyLayer::new().observe(self.obey.clone());
        (RetryLayer::new(), throttle, obey)
    }
}

#[tokio::test]
async fn the_layers_fit_around_reqwest() {
    let (server, seen) = (http_server().await, Seen::default());
    let (retry, throttle, obey) = seen.layers();
    let client = ServiceBuilder::new()
        .layer(retry)
        .layer(throttle)
        .layer(obey)
        .service(ReqwestClient::new(reqwest::Client::new()));

    for _ in 0..15 {
        let request = Request::get(format!("http://{}/", server.addr));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = client.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(server.calls.load(SeqCst), 16, "one call was sent again");

    let request = Request::post(format!("http://{}/", server.addr));
    let request = request.body(Full::new(Bytes::from("hello"))).unwrap();
    let response = client.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "hello");
    assert_eq!(seen.obey.snapshot().server_refused, 1);
    assert_eq!(seen.throttle.snapshot().rejected, 1);
}

#[tokio::test]
async fn a_response_is_one_of_reqwest_again() {
    let server = http_server().await;
    server.calls.store(FAILS + 1, SeqCst);
    let client = ReqwestClient::new(reqwest::Client::new());
    let request = Request::post(format!("http://{}/", server.addr));
    let request = request.body(reqwest::Body::from("hello")).unwrap();
    let response: Response<reqwest::Body> = client.oneshot(request).await.unwrap();
    assert_eq!(
        reqwest::Response::from(response).text().await.unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn a_request_that_reqwest_cannot_send_is_an_error() {
    let client = ReqwestClient::new(reqwest::Client::new());
    let request = Request::get("/no-host")
        .body(Empty::<Bytes>::new())
        .unwrap();
    assert!(client.oneshot(request).await.unwrap_err().is_builder());
}

#[tokio::test]
async fn the_layers_fit_around_hyper_util_and_obey_its_server() {
    let (server, seen) = (http_server().await, Seen::default());
    server.calls.store(FAILS + 1, SeqCst);
    let (retry, throttle, obey) = seen.layers();
    let client = legacy::Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = ServiceBuilder::new()
        .layer(retry)
        .layer(throttle)
        .layer(obey)
        .service(client);

    // More calls than the server allows at once.
    let calls = (0..40).map(|_| {
        let request = Request::get(format!("http://{}/", server.addr));
        client
            .clone()
            .oneshot(request.body(Full::default()).unwrap())
    });
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    let obey = seen.obey.snapshot();
    assert_eq!((obey.server_refused, obey.refused), (0, 0));
    assert!(obey.held > 0);
}

#[tokio::test]
async fn the_layers_fit_around_a_channel_of_tonic() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    let limit = RateLimitLayer::new(limiter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = Server::builder().layer(limit).add_service(health);
    let task = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });

    let seen = Seen::default();
    let (retry, throttle, obey) = seen.layers();
    let channel = Channel::from_shared(format!("http://{addr}")).unwrap();
    let channel = channel.connect().await.unwrap();
    let channel = retry.layer(throttle.layer(obey.layer(channel)));
    let client = HealthClient::with_origin(channel, format!("http://{addr}").parse().unwrap());

    let calls = (0..20).map(|_| {
        let mut client = client.clone();
        async move { client.check(HealthCheckRequest::default()).await }
    });
    let calls = futures_util::future::join_all(calls);
    for response in tokio::time::timeout(Duration::from_secs(60), calls)
        .await
        .unwrap()
    {
        assert_eq!(response.unwrap().into_inner().status, 1);
    }
    let obey = seen.obey.snapshot();
    assert_eq!((obey.server_refused, obey.refused), (0, 0));
    assert!(obey.held > 0);
    task.abort();
}
