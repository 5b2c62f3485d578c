//! No retry begins after the deadline, and each attempt is told what is left.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use sluicegate::{
    client::retry::Stop,
    deadline::{self, Deadline, PropagateDeadlineLayer},
    refusal::BoxError,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};

use super::support::{Does, ResBody, Server, get, layer, ms, rpc};

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_be_late_is_not_sent_and_the_failure_is_returned_whole() {
    for (left, calls) in [(50, 1), (51, 2), (1_000, 3)] {
        let server = Server::new(vec![Does::says(503); 9]);
        let (layer, counts) = layer();
        let client = layer.layer(server.clone());
        let deadline = Deadline::after(ms(left));
        let response = deadline::scope(deadline, client.oneshot(get()))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((body.as_ref(), server.calls()), (&b"body"[..], calls));
        let by_deadline = counts.snapshot().stopped(Stop::Deadline);
        assert_eq!(by_deadline, u64::from(calls < 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_the_deadline_is_not_waited_for() {
    let server = Server::new([Does::says_with(503, "retry-after", "7")]);
    let client = layer().0.layer(server.clone());
    let begun = Instant::now();
    let mut req = get();
    req.extensions_mut().insert(Deadline::after(ms(7_000)));
    let response = client.oneshot(req).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!((server.calls(), begun.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_tells_what_is_left() {
    let server = Server::new([Does::says(503), Does::says(503)]);
    let client = ServiceBuilder::new()
        .layer(layer().0)
        .layer(PropagateDeadlineLayer::new())
        .service(server.clone());
    let deadline = Deadline::after(ms(10_000));
    deadline::scope(deadline, client.oneshot(get()))
        .await
        .unwrap();
    let seen = server.seen();
    let told = |nth: usize| {
        seen[nth].headers["x-request-timeout"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!([told(0), told(1), told(2)], ["9900ms", "9850ms", "9750ms"]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_the_request_has_counts_from_the_first_attempt() {
    let server = Server::new(vec![Does::TrailersOnly(14, Vec::new()); 9]);
    let client = layer()
        .0
        .max_retries(9)
        .idempotent(|_| true)
        .layer(server.clone());
    let mut req = rpc("Get");
    let header = req.headers_mut().entry("grpc-timeout");
    header.or_insert("200m".parse().unwrap());
    client.oneshot(req).await.unwrap();
    let seen = server.seen();
    let told: Vec<_> = seen.iter().map(|it| &it.headers["grpc-timeout"]).collect();
    assert_eq!(told, ["200m", "150000u", "50000000n"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_get_ready_is_not_waited_for_beyond_the_deadline() {
    let server = Server::new([
        Does::says(503),
        Does::Sleeps(60_000, Box::new(Does::says(200))),
    ]);
    let (layer, counts) = layer();
    let limited = ConcurrencyLimitLayer::new(1).layer(server.clone());
    let client = layer.layer(limited.clone());
    let call = deadline::scope(Deadline::after(ms(1_000)), client.oneshot(get()));
    let (call, begun) = (tokio::spawn(call), Instant::now());
    tokio::time::sleep(ms(10)).await;
    // Takes the only permit while the call waits.
    let other = tokio::spawn(limited.clone().oneshot(get()));
    let response = call.await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), ms(1_000));
    assert_eq!(
        (response.status(), server.calls()),
        (StatusCode::SERVICE_UNAVAILABLE, 2)
    );
    let body = response.into_body().collect().await;
    assert!(
        body.unwrap_err().to_string().contains("dropped"),
        "never as if it were whole"
    );
    assert_eq!(counts.snapshot().stopped(Stop::Deadline), 1);
    other.abort();
    _ = other.await;
    let permit = limited.oneshot(get());
    assert_eq!(
        permit.await.unwrap().status(),
        StatusCode::OK,
        "no permit is lost"
    );
}

/// A client whose clones are ready at this instant, and not before.
struct ReadyAt {
    inner: Server,
    ready: Pin<Box<Sleep>>,
}

impl Clone for ReadyAt {
    fn clone(&self) -> Self {
        let ready = Box::pin(sleep_until(self.ready.deadline()));
        let inner = self.inner.clone();
        Self { inner, ready }
    }
}

impl Service<Request<Full<Bytes>>> for ReadyAt {
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = <Server as Service<Request<Full<Bytes>>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        ready!(Service::<Request<Full<Bytes>>>::poll_ready(
            &mut self.inner,
            cx
        ))?;
        self.ready.as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, req: Request<Full<Bytes>>) -> Self::Future {
        self.inner.call(req)
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_gets_ready_at_the_deadline_is_late() {
    for (ready, calls) in [(999, 2), (1_000, 1), (1_001, 1)] {
        let server = Server::new([Does::says(503)]);
        let (layer, _) = layer();
        let (begun, deadline) = (Instant::now(), Deadline::after(ms(1_000)));
        let at = |millis| Box::pin(sleep_until(begun + ms(millis)));
        let inner = server.clone();
        let mut client = layer.layer(ReadyAt {
            inner,
            ready: at(ready),
        });
        // The first attempt does not wait.
        client.get_mut().ready = at(0);
        client.ready().await.unwrap();
        client.get_mut().ready = at(ready);
        let call = deadline::scope(deadline, async { client.call(get()).await });
        _ = call.await.unwrap();
        assert_eq!(server.calls(), calls, "ready after {ready} ms");
    }
}
