//! The time that callees are told, and the end of calls that take longer.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use sluicegate::{
    deadline::{
        Counts, Deadline, Form, PropagateDeadlineLayer, detach, propagate::body::ResponseBody,
        scope,
    },
    refusal::{AsError, BoxError, Reason, Refusal},
};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

use crate::support::{Probe, Req, Res, ms, request, request_with};

mod body;
mod chain;
mod grpc;
mod ready;
mod time;

const LATE: StatusCode = StatusCode::GATEWAY_TIMEOUT;
const OURS: &str = "x-request-timeout";
const ENVOY: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

type Bounded = Response<ResponseBody<String>>;

/// Calls a service that cannot fail, as soon as it is ready.
async fn send<S>(service: &mut S, req: Req) -> Bounded
where
    S: Service<Req, Response = Bounded, Error = Infallible>,
{
    let Ok(ready) = service.ready().await;
    let Ok(response) = ready.call(req).await;
    response
}

fn layer() -> PropagateDeadlineLayer {
    PropagateDeadlineLayer::new()
}

/// Returns the response of a callee that sends back its request's headers.
async fn call(layer: PropagateDeadlineLayer, req: Req) -> Bounded {
    let echo = service_fn(|req: Req| async move {
        let mut res = Res::default();
        *res.headers_mut() = req.into_parts().0.headers;
        Ok::<_, Infallible>(res)
    });
    let Ok(response) = layer.layer(echo).oneshot(req).await;
    response
}

/// Returns the headers that a callee sees when this many milliseconds are left.
async fn told_of(layer: PropagateDeadlineLayer, left: u64, req: Req) -> HeaderMap {
    let deadline = Deadline::after(ms(left));
    let response = scope(deadline, call(layer, req)).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.into_parts().0.headers
}

fn grpc_request() -> Req {
    request_with("content-type", "application/grpc")
}

#[tokio::test(start_paused = true)]
async fn a_callee_is_told_of_what_is_left_less_a_margin() {
    for (left, told) in [(10, "9ms"), (1_000, "900ms"), (10_000, "9900ms")] {
        assert_eq!(told_of(layer(), left, request()).await[OURS], told);
    }
    let fixed = layer().fixed_margin(ms(250));
    assert_eq!(told_of(fixed, 1_000, request()).await[OURS], "750ms");
    let none = layer().fixed_margin(ms(0));
    assert_eq!(told_of(none, 1_000, request()).await[OURS], "1000ms");
}

#[tokio::test(start_paused = true)]
async fn every_callee_is_told_in_its_own_header() {
    let told = told_of(layer(), 1_000, grpc_request()).await;
    assert_eq!(told["grpc-timeout"], "900000u");
    assert!(!told.contains_key(OURS));
    let envoy = layer().http_header(ENVOY, Form::Millis);
    let told = told_of(envoy.clone(), 1_000, request()).await;
    assert_eq!(told["x-envoy-expected-rq-timeout-ms"], "900");
    let told = told_of(envoy, 1_000, grpc_request()).await;
    assert_eq!(told["grpc-timeout"], "900000u");
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_both_deadlines_counts() {
    for (extension, told) in [(500, "450ms"), (2_000, "900ms")] {
        let mut req = request();
        req.extensions_mut().insert(Deadline::after(ms(extension)));
        assert_eq!(told_of(layer(), 1_000, req).await[OURS], told);
    }
    let mut req = request();
    req.extensions_mut().insert(Deadline::after(ms(500)));
    let alone = call(layer(), req).await;
    assert_eq!(alone.headers()[OURS], "450ms");
}

#[tokio::test(start_paused = true)]
async fn no_call_takes_longer_than_call_max() {
    let capped = layer().call_max(ms(300));
    assert_eq!(
        told_of(capped.clone(), 1_000, request()).await[OURS],
        "300ms"
    );
    assert_eq!(told_of(capped.clone(), 100, request()).await[OURS], "90ms");
    assert_eq!(call(capped, request()).await.headers()[OURS], "300ms");
}

#[test]
#[should_panic(expected = "invalid call_max 0ns: must be more than 0")]
fn a_call_max_of_zero_is_refused() {
    let _ = layer().call_max(ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_deadline_passes_unchanged() {
    assert!(call(layer(), request()).await.headers().is_empty());
    let deadline = Deadline::after(ms(1_000));
    let detached = scope(deadline, detach(call(layer(), request()))).await;
    assert!(detached.headers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shorter_timeout_of_the_request_stays_and_a_longer_one_is_lowered() {
    let said = |value| request_with(OURS, value);
    for (said_before, told) in [
        ("0.5s", "0.5s"),
        ("900us", "900us"),
        ("2s", "900ms"),
        ("1h", "900ms"),
    ] {
        let headers = told_of(layer(), 1_000, said(said_before)).await;
        assert_eq!(headers[OURS], told, "{said_before}");
    }
    let headers = told_of(layer().call_max(ms(400)), 1_000, said("0.5s")).await;
    assert_eq!(headers[OURS], "400ms");
    let alone = call(layer(), said("2.50s")).await;
    assert_eq!(alone.headers()[OURS], "2.50s");
}

#[tokio::test(start_paused = true)]
async fn the_smallest_of_several_timeouts_is_kept() {
    let mut req = request_with(OURS, "3s");
    req.headers_mut().append(OURS, "0.5s".parse().unwrap());
    let told = told_of(layer(), 1_000, req).await;
    assert!(told.get_all(OURS).iter().eq(["500ms"]));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_cannot_be_read_is_replaced_and_counted() {
    let counts = Arc::new(Counts::default());
    let observed = layer().observe(counts.clone());
    let malformed = || request_with(OURS, "soon");
    let told = told_of(observed.clone(), 1_000, malformed()).await;
    assert!(told.get_all(OURS).iter().eq(["900ms"]));
    let untouched = call(observed, malformed()).await;
    assert_eq!(untouched.headers()[OURS], "soon");
    assert_eq!(counts.snapshot().malformed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_time_left_is_not_sent() {
    let counts = Arc::new(Counts::default());
    let layer = layer().fixed_margin(ms(100)).observe(counts.clone());
    let mut service = layer.layer(Probe::new());
    for (left, status) in [(0, LATE), (100, LATE), (101, StatusCode::OK)] {
        let answer = scope(Deadline::after(ms(left)), send(&mut service, request()));
        assert_eq!(answer.await.status(), status, "{left} ms");
    }
    let no_time = request_with(OURS, "0");
    assert_eq!(send(&mut service, no_time).await.status(), LATE);
    assert_eq!(service.get_ref().calls(), 1);
    assert_eq!(counts.snapshot().exceeded_in_client, 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_its_own_is_in_the_callers_protocol() {
    let mut service = layer().layer(Probe::new());
    let expired = Deadline::after(ms(0));
    let http = scope(expired, send(&mut service, request())).await;
    assert_eq!(http.status(), LATE);
    let refusal = http.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.reason(), Reason::DeadlineExceeded);
    assert!(http.body().get_ref().is_none());

    let grpc = scope(expired, send(&mut service, grpc_request())).await;
    assert_eq!(grpc.status(), StatusCode::OK);
    assert_eq!(grpc.headers()["grpc-status"], "4");
    assert_eq!(grpc.headers()["content-type"], "application/grpc");
}

#[tokio::test(start_paused = true)]
async fn a_plain_client_fails_with_the_refusal() {
    let plain = service_fn(|_: Req| async { Ok::<_, BoxError>(Res::default()) });
    let layer = layer().refuse_with(AsError);
    let mut req = request();
    req.extensions_mut().insert(Deadline::after(ms(0)));
    let error = layer.layer(plain).oneshot(req).await.unwrap_err();
    let refusal = error.downcast_ref::<Refusal>().unwrap();
    assert_eq!(refusal.reason(), Reason::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_passed_on_unchanged() {
    for readiness in [
        Poll::Pending,
        Poll::Ready(Err("broken")),
        Poll::Ready(Ok(())),
    ] {
        let mut service = layer().layer(Probe::whose_readiness_is(readiness));
        let mut ready = pin!(poll_fn(|cx| service.poll_ready(cx)));
        assert_eq!(
            poll_fn(|cx| Poll::Ready(ready.as_mut().poll(cx))).await,
            readiness
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_sent_releases_what_readiness_has_reserved() {
    let reserving = ConcurrencyLimitLayer::new(1).layer(Probe::new());
    let mut one = layer().layer(reserving);
    let mut other = one.clone();
    let late = request_with(OURS, "0");
    assert_eq!(send(&mut one, late).await.status(), LATE);
    assert!(
        other.ready().now_or_never().is_some(),
        "the permit went back"
    );
    // A service that was released has to become ready again.
    assert_eq!(send(&mut other, request()).await.status(), StatusCode::OK);
    assert_eq!(send(&mut one, request()).await.status(), StatusCode::OK);
}
