//! Requests that are charged for what they really took, over real sockets.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response, StatusCode};
use axum::{Extension, Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use sluicegate::{
    clock::{Manual, Tokio},
    deadline::EnforceDeadlineLayer,
    key,
    limit::{
        self, All, Counts, Direct, End, Keyed, LeakyBucket, Local, Quota, RateLimitLayer,
        SlidingLog, Spent, TokenBucket, Wait,
    },
    red::{Cause, Outcome, Status},
    refusal::BoxError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Barrier, mpsc},
    time::timeout,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    grpc, http as sockets,
    support::{Probe, Req, ms, request, request_with},
};

/// The key of a limiter by header is the bytes of its value.
const ANN: &[u8] = b"ann";

/// 1,000 a day, on a clock that stands still.
fn budget() -> Local<TokenBucket, Direct, Manual> {
    let rule = TokenBucket::new(Quota::per_day(1_000));
    Local::builder(rule).clock(Manual::new()).direct()
}

/// What a settlement was told, as its test wants to know it.
#[derive(Debug, PartialEq)]
struct Told {
    outcome: Outcome,
    cause: Cause,
    bytes: u64,
    spent: u64,
}

impl Told {
    fn of(end: &End<'_>) -> Self {
        Self {
            outcome: end.outcome(),
            cause: end.cause(),
            bytes: end.bytes(),
            spent: end.spent(),
        }
    }
}

/// Waits for the only settlement. The time only bounds a test that fails.
async fn told(ends: &mut mpsc::UnboundedReceiver<Told>) -> Told {
    timeout(Duration::from_secs(60), ends.recv())
        .await
        .unwrap()
        .unwrap()
}

/// Three wrong passwords for each user. A handler waits until all attempts are
/// there, so that none is over when the next begins.
fn login(failures: &Local<SlidingLog, Keyed, Manual>, attempts: usize) -> Router {
    let all = Arc::new(Barrier::new(attempts));
    let log_in = move |headers: axum::http::HeaderMap| async move {
        all.wait().await;
        match headers.get("x-password").is_some_and(|it| it == "right") {
            true => StatusCode::OK,
            false => StatusCode::UNAUTHORIZED,
        }
    };
    let limit = RateLimitLayer::new(failures.clone())
        .key(key::header("x-user"))
        .charge_when(limit::refused());
    Router::new().route("/", get(log_in)).layer(limit)
}

fn three_an_hour() -> Local<SlidingLog, Keyed, Manual> {
    let rule = SlidingLog::new(Quota::per_hour(3));
    Local::builder(rule).clock(Manual::new()).keyed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_concurrent_wrong_passwords_three_get_through() {
    let failures = three_an_hour();
    let address = sockets::serve(login(&failures, 3)).await;
    let attempts = (0..50).map(|_| {
        tokio::spawn(async move {
            let mut connection = sockets::Connection::to(address).await;
            let headers = [("x-user", "ann"), ("x-password", "wrong")];
            connection.get("/", &headers).await.status
        })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(401), count(429)), (3, 47));
}

#[tokio::test]
async fn right_passwords_are_free() {
    let failures = three_an_hour();
    let address = sockets::serve(login(&failures, 1)).await;
    let mut connection = sockets::Connection::to(address).await;
    for _ in 0..10 {
        let headers = [("x-user", "ann"), ("x-password", "right")];
        let reply = connection.get("/", &headers).await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(failures.peek(ANN).remaining(), 3);
}

/// Tokens that a model makes one after the other, for as long as a client
/// listens.
fn model(budget: &Local<TokenBucket, Direct, Manual>, ends: mpsc::UnboundedSender<Told>) -> Router {
    let complete = async |Extension(spent): Extension<Spent>| {
        let tokens = stream::iter(0..).map(move |_| {
            spent.add(1);
            Ok::<_, Infallible>(Bytes::from_static(b"word "))
        });
        Body::from_stream(tokens)
    };
    let layer = RateLimitLayer::new(budget.clone())
        .cost(|_: &Request<Body>| 100)
        .settle(move |end: &End<'_>| {
            ends.send(Told::of(end)).unwrap();
            end.spent().min(700)
        });
    Router::new().route("/", get(complete)).layer(layer)
}

#[tokio::test]
async fn a_client_that_hangs_up_pays_for_what_was_made() {
    let (budget, (tell, mut ends)) = (budget(), mpsc::unbounded_channel());
    let address = sockets::serve(model(&budget, tell)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    client.read_exact(&mut [0; 4_096]).await.unwrap();
    assert_eq!(budget.peek().remaining(), 900, "held meanwhile");
    drop(client);
    let end = told(&mut ends).await;
    assert_eq!(
        (end.outcome, end.cause),
        (Outcome::Cancelled, Cause::DroppedInBody)
    );
    // Each token that the server has taken was counted, and one may be on its way.
    let taken = end.bytes / 5;
    assert!(end.spent == taken || end.spent == taken + 1, "{end:?}");
    assert!(taken > 100);
    assert_eq!(budget.peek().remaining(), 1_000 - end.spent.min(700));
}

#[tokio::test]
async fn a_response_is_settled_with_its_bytes_headers_and_trailers() {
    let budget = budget();
    let answer = service_fn(async |_: Req| {
        let frames = [
            http_body::Frame::data(Bytes::from_static(b"hello")),
            http_body::Frame::trailers(
                [(axum::http::header::ETAG, "7".parse().unwrap())]
                    .into_iter()
                    .collect(),
            ),
        ];
        let frames = stream::iter(frames.map(Ok::<_, Infallible>));
        let mut response = Response::new(http_body_util::StreamBody::new(frames));
        response.headers_mut().insert("x-cost", 42.into());
        Ok::<_, BoxError>(response)
    });
    let layer = RateLimitLayer::new(budget.clone())
        .refuse_with(sluicegate::refusal::AsError)
        .settle(|end: &End<'_>| {
            assert!(end.is_whole());
            assert_eq!(end.bytes(), 5);
            assert_eq!(end.status(), Some(Status::Http(200)));
            assert_eq!(end.http_status(), Some(StatusCode::OK));
            assert_eq!(end.trailers().unwrap()["etag"], "7");
            end.headers().unwrap()["x-cost"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        });
    let response = layer.layer(answer).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(budget.peek().remaining(), 958);
}

#[tokio::test]
async fn a_grpc_call_is_settled_by_its_trailers() {
    let (budget, (tell, mut ends)) = (budget(), mpsc::unbounded_channel());
    let layer = RateLimitLayer::new(budget.clone()).charge_when(move |end: &End<'_>| {
        tell.send(Told::of(end)).unwrap();
        limit::refused()(end)
    });
    let channel = grpc::connect(grpc::serve(layer).await).await;
    let ask = |service: &str| {
        let service = service.to_owned();
        let mut client = HealthClient::new(channel.clone());
        async move { client.check(HealthCheckRequest { service }).await }
    };
    ask("").await.unwrap();
    assert_eq!(told(&mut ends).await.outcome, Outcome::Ok);
    assert_eq!(budget.peek().remaining(), 1_000);
    let unknown = ask("no such service").await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    assert_eq!(told(&mut ends).await.outcome, Outcome::ClientError);
    assert_eq!(budget.peek().remaining(), 999);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_settles_with_its_outcome() {
    let budget = budget();
    let layer = RateLimitLayer::new(budget.clone()).settle(|end: &End<'_>| {
        assert_eq!(end.outcome(), Outcome::Deadline);
        5
    });
    let hangs = service_fn(async |_: Request<Body>| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let deadline = EnforceDeadlineLayer::new().default_timeout(ms(100));
    let service = layer.layer(deadline.layer(hangs));
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    response.into_body().collect().await.unwrap();
    assert_eq!(budget.peek().remaining(), 995);
}

#[tokio::test]
async fn a_request_that_is_shed_further_in_is_given_back() {
    let (outer, inner) = (budget(), three_an_hour());
    let inner = RateLimitLayer::new(inner).key(key::header("x-user"));
    let outer_layer = RateLimitLayer::new(outer.clone()).charge_when(limit::ok());
    let mut service = outer_layer.layer(inner.layer(Probe::new()));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let response = send_and_read(&mut service, request_with("x-user", "ann")).await;
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(outer.peek().remaining(), 997);
}

/// Sends a request, and reads the response to its end.
async fn send_and_read<S, B>(service: &mut S, req: Req) -> Response<()>
where
    S: tower::Service<Req, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let Ok(response) = service.ready().await.unwrap().call(req).await;
    let (head, body) = response.into_parts();
    body.collect().await.unwrap();
    Response::from_parts(head, ())
}

#[tokio::test]
async fn the_rest_of_the_layer_stays_as_it_is() {
    let counts = Arc::new(Counts::default());
    let limiter = three_an_hour();
    let layer = RateLimitLayer::new(limiter.clone())
        .key(key::header("x-user"))
        .exempt(|req: &Req| req.headers().contains_key("x-exempt"))
        .observe(counts.clone())
        .charge_when(|_: &End<'_>| true);
    let mut service = layer.layer(Probe::new());
    let exempt = send_and_read(&mut service, request_with("x-exempt", "1")).await;
    assert!(!exempt.headers().contains_key("ratelimit"));
    let keyless = send_and_read(&mut service, request()).await;
    assert_eq!(keyless.status(), StatusCode::BAD_REQUEST);
    for left in [2, 1, 0] {
        let passed = send_and_read(&mut service, request_with("x-user", "ann")).await;
        let header = passed.headers()["ratelimit"].to_str().unwrap();
        assert!(header.contains(&format!("r={left}")), "{header}");
    }
    let refused = send_and_read(&mut service, request_with("x-user", "ann")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "3600");
    let seen = counts.snapshot();
    assert_eq!((seen.admitted, seen.refused, seen.exempt), (3, 2, 1));
}

#[tokio::test]
async fn shadow_mode_settles_and_refuses_none() {
    let limiter = three_an_hour();
    let layer = RateLimitLayer::new(limiter.clone())
        .key(key::header("x-user"))
        .shadow(true)
        .charge_when(limit::failed());
    let mut service = layer.layer(Probe::new());
    for _ in 0..5 {
        let hold = limiter.hold(ANN, 3).unwrap();
        let passed = send_and_read(&mut service, request_with("x-user", "ann")).await;
        assert_eq!(passed.status(), StatusCode::OK);
        hold.give_back();
    }
    send_and_read(&mut service, request_with("x-user", "ann")).await;
    assert_eq!(limiter.peek(ANN).remaining(), 3);
}

#[tokio::test]
async fn a_closure_that_panics_keeps_the_estimate() {
    let budget = budget();
    let layer = RateLimitLayer::new(budget.clone())
        .cost(|_: &Req| 10)
        .settle(|_: &End<'_>| panic!("in the closure, as told"));
    send_and_read(&mut layer.layer(Probe::new()), request()).await;
    assert_eq!(budget.peek().remaining(), 990);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_is_held_and_settled_after_its_wait() {
    let queue = Local::builder(LeakyBucket::new(Quota::per_second(1).burst(3)));
    let queue = queue.clock(Tokio::new()).direct();
    let layer = RateLimitLayer::new(queue.clone())
        .wait(Wait::up_to(ms(5_000)))
        .settle(|end: &End<'_>| end.estimate());
    let service = layer.layer(Probe::new());
    send_and_read(&mut service.clone(), request()).await;
    let mut waits = Box::pin(service.clone().oneshot(request()));
    assert!(poll(&mut waits).is_pending());
    assert_eq!(queue.peek().remaining(), 2);
    drop(waits);
    assert_eq!(queue.peek().remaining(), 3, "its place went back");
    let start = tokio::time::Instant::now();
    send_and_read(&mut service.clone(), request()).await;
    assert_eq!(start.elapsed(), ms(1_000));
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    future.as_mut().poll(&mut cx)
}

#[tokio::test]
async fn all_limits_of_a_request_are_settled() {
    let (user, tenant) = (three_an_hour(), budget());
    let layer = RateLimitLayer::new(All((user.clone(), tenant.clone())))
        .key((key::header("x-user"), key::Global))
        .settle(|end: &End<'_>| end.bytes());
    let service = layer.layer(Probe::new());
    let mut service = service;
    let response = send_and_read(&mut service, request_with("x-user", "ann")).await;
    assert!(
        response.headers()["ratelimit"]
            .to_str()
            .unwrap()
            .contains("r=2")
    );
    let left = (user.peek(ANN).remaining(), tenant.peek().remaining());
    assert_eq!(left, (0, 995), "its body has five bytes");
    user.credit(ANN, 4);
    assert_eq!(user.peek(ANN).remaining(), 2, "there were two of debt");
}

/// The counter of a request is its own, whatever a response carries.
#[tokio::test]
async fn the_extensions_of_a_response_are_not_read() {
    let budget = budget();
    let layer = RateLimitLayer::new(budget.clone()).settle(|end: &End<'_>| end.spent());
    let proxied = service_fn(async |_: Req| {
        let stranger = Spent::default();
        stranger.add(500);
        let mut response = Response::new(String::from("proxied"));
        response.extensions_mut().insert(stranger);
        Ok::<_, Infallible>(response)
    });
    send_and_read(&mut layer.layer(proxied), request()).await;
    assert_eq!(budget.peek().remaining(), 1_000);
}
