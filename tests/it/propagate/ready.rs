//! Calls whose deadline passes while the client is not ready.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use futures_util::FutureExt;
use sluicegate::{
    deadline::{Counts, Deadline, PropagateDeadlineLayer, scope},
    refusal::AsError,
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

use super::{LATE, grpc_request, layer, send};
use crate::support::{Probe, Req, Res, ms, request};

fn never_ready() -> Probe {
    Probe::whose_readiness_is(Poll::Pending)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_is_not_waited_for_beyond_the_deadline() {
    let counts = Arc::new(Counts::default());
    let mut service = layer().observe(counts.clone()).layer(never_ready());
    let begun = Instant::now();
    let within = |millis| Deadline::after(ms(millis));
    let http = scope(within(200), send(&mut service, request())).await;
    assert_eq!((http.status(), begun.elapsed()), (LATE, ms(200)));
    let grpc = scope(within(300), send(&mut service, grpc_request())).await;
    assert_eq!(grpc.headers()["grpc-status"], "4");
    assert_eq!(begun.elapsed(), ms(500));
    let mut clone = service.clone();
    let error = scope(within(0), send(&mut clone, request())).await;
    assert_eq!((error.status(), begun.elapsed()), (LATE, ms(500)));
    assert_eq!(service.get_ref().calls(), 0);
    assert_eq!(counts.snapshot().exceeded_in_client, 3);
}

#[tokio::test(start_paused = true)]
async fn call_max_bounds_readiness_without_a_deadline() {
    let mut service = layer().call_max(ms(70)).layer(never_ready());
    let begun = Instant::now();
    let answer = send(&mut service, request()).await;
    assert_eq!((answer.status(), begun.elapsed()), (LATE, ms(70)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_becomes_ready_in_time_is_called() {
    let reserving = ConcurrencyLimitLayer::new(1).layer(Probe::new());
    let mut one = layer().layer(reserving);
    let mut other = one.clone();
    one.ready().await.unwrap();
    // This call has the only permit for a while.
    let release = async {
        sleep(ms(150)).await;
        drop(one);
    };
    let waiting = scope(Deadline::after(ms(200)), send(&mut other, request()));
    let (answer, ()) = tokio::join!(waiting, release);
    assert_eq!(answer.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_leaves_the_queue() {
    let reserving = ConcurrencyLimitLayer::new(1).layer(Probe::new());
    let mut one = layer().layer(reserving);
    let (mut other, mut third) = (one.clone(), one.clone());
    one.ready().await.unwrap();
    let late = scope(Deadline::after(ms(200)), send(&mut other, request()));
    assert_eq!(late.await.status(), LATE);
    drop(one);
    assert!(third.ready().now_or_never().is_some(), "it waits no more");
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_readiness_is_waited_for() {
    let mut service = layer().layer(never_ready());
    let expired = Deadline::after(ms(0));
    scope(expired, service.ready()).await.unwrap();
    // Another task polls it, and has the time to wait.
    let mut ready = pin!(poll_fn(|cx| Pin::new(&mut service).poll_ready(cx)));
    assert!(ready.as_mut().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_ready_only_to_refuse_is_never_called() {
    let plain = service_fn(|_: Req| async { Ok::<_, Infallible>(Res::default()) });
    let mut service = layer().refuse_with(AsError).layer(tower::util::MapErr::new(
        Stuck(plain),
        |error: Infallible| match error {},
    ));
    let call = async {
        // The deadline of the task is known while it waits; the request's own is
        // far away.
        let mut req = request();
        req.extensions_mut().insert(Deadline::after(ms(60_000)));
        scope(Deadline::after(ms(10)), service.ready()).await?;
        Service::call(&mut service, req).await
    };
    let call: Result<_, sluicegate::refusal::BoxError> = call.await;
    assert_eq!(call.unwrap_err().to_string(), "the deadline has passed");
}

/// A service that is never ready, and must not be called.
#[derive(Clone)]
struct Stuck<S>(S);

impl<S: Service<Req>> Service<Req> for Stuck<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _cx: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Pending
    }

    fn call(&mut self, _req: Req) -> S::Future {
        unreachable!("it was never ready")
    }
}

/// Returns a channel with room for one call, to a peer that accepts connections
/// and never answers.
#[tokio::test]
async fn a_tonic_channel_to_a_silent_peer_ends_with_status_4() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.buffer_size(1).concurrency_limit(1).connect_lazy();
    let channel = PropagateDeadlineLayer::new().layer(channel);
    let call = |millis| {
        let mut client = HealthClient::new(channel.clone());
        let check = async move { client.check(HealthCheckRequest::default()).await };
        scope(Deadline::after(ms(millis)), check)
    };
    // More calls than there is room for, so that some wait until it is ready.
    let calls = (0..8).map(|_| call(50));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
    }
}
