//! Deadlines that callers chose, shorter than the server's own, are counted apart.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use sluicegate::{
    deadline::{EnforceDeadlineLayer, PropagateDeadlineLayer, Trust},
    limit::{End, LeakyBucket, Local, Quota, RateLimitLayer, TokenBucket},
    red::{Cause, Events, Methods, Outcome, RedLayer, Registry, Slo},
    refusal::FromText,
};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{grpc_request, request, the_only};
use crate::{
    deadline::support::second,
    support::{Req, ms},
};

fn registry() -> Registry {
    let methods = Methods::new()
        .unary("pkg.Service/Get")
        .streaming("pkg.Service/Watch");
    Registry::builder()
        .methods(methods)
        .slo("answers", Slo::availability(0.999))
        .slo("fast", Slo::latency(0.99, Duration::from_millis(250)))
        .build()
}

/// The counts of the objectives.
fn counted(metrics: &Registry) -> [Events; 2] {
    let slos = metrics.slos();
    [slos[0].events, slos[1].events]
}

const NOTHING: [Events; 2] = [Events { good: 0, total: 0 }; 2];

/// Takes 20 ms to its head, or to its end.
async fn handler(req: Req) -> Result<Response<Body>, Infallible> {
    if req.uri().path() != "/stream" && !req.uri().path().ends_with("/Watch") {
        sleep(ms(20)).await;
        return Ok(Response::new(Body::from("done")));
    }
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from("first"))]);
    let last = stream::once(pending());
    Ok(Response::new(Body::from_stream(first.chain(last))))
}

/// Returns why one request ended, and whether it counts as bad. A settlement of
/// the request is told the same cause.
async fn cause_of<S, B>(service: S, req: Req) -> (Cause, [Events; 2])
where
    S: Service<Req, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data: Send, Error: Into<sluicegate::refusal::BoxError> + 'static> + FromText,
{
    let metrics = registry();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    let settle = RateLimitLayer::new(limiter).settle(move |end: &End<'_>| {
        tell.lock().unwrap().push((end.outcome(), end.cause()));
        1
    });
    let service = RedLayer::server(&metrics).layer(settle.layer(service));
    let Ok(response) = service.oneshot(req).await;
    let _ = response.into_body().collect().await;
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    assert_eq!(one.outcome(), Outcome::Deadline);
    assert_eq!(*told.lock().unwrap(), [(one.outcome(), one.cause())]);
    (one.cause(), counted(&metrics))
}

fn asking(mut req: Req, timeout: &str) -> Req {
    let timeout = timeout.parse().unwrap();
    req.headers_mut().insert("request-timeout", timeout);
    req
}

fn stream_request() -> Req {
    Request::get("/stream").body(String::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn five_hundred_short_deadlines_burn_no_budget() {
    let metrics = registry();
    let service = RedLayer::server(&metrics).layer(second().layer(service_fn(handler)));
    for number in 0..500 {
        let req = if number % 2 == 0 {
            request()
        } else {
            grpc_request("/pkg.Service/Get")
        };
        let Ok(response) = service.clone().oneshot(asking(req, "5ms")).await;
        response.into_body().collect().await.unwrap();
    }
    assert_eq!(metrics.snapshot().count(Outcome::Deadline), 500);
    assert_eq!(counted(&metrics), NOTHING);
    for burn in &metrics.slos()[0].burns {
        assert_eq!(burn.rate, 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_it_passes_it_is_the_callers() {
    let watch = || grpc_request("/pkg.Service/Watch");
    let get = || grpc_request("/pkg.Service/Get");
    for req in [request(), get(), stream_request(), watch()] {
        let service = second().layer(service_fn(handler));
        let seen = cause_of(service, asking(req, "5ms")).await;
        assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
    }
    // It has no time at all.
    let service = second().layer(service_fn(handler));
    let seen = cause_of(service, asking(request(), "0")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
    // Without one of its own, the server would have had all the time.
    let service = EnforceDeadlineLayer::new().layer(service_fn(handler));
    let seen = cause_of(service, asking(request(), "5ms")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_deadline_is_its_failure() {
    let own = || EnforceDeadlineLayer::new().default_timeout(ms(5));
    let most = || EnforceDeadlineLayer::new().maximum(ms(5));
    let full = || own().trust(Trust::Full).maximum(ms(60_000));
    for (layer, req) in [
        (own(), request()),
        (own(), stream_request()),
        (own(), asking(request(), "10")),
        (own(), asking(request(), "5ms")),
        (own().trust(Trust::Never), asking(request(), "1ms")),
        (most(), asking(request(), "10")),
        (full(), asking(request(), "10ms")),
    ] {
        let seen = cause_of(layer.layer(service_fn(handler)), req).await;
        let bad = Events { good: 0, total: 1 };
        assert_eq!(seen, (Cause::Timeout, [bad; 2]));
    }
    let service = own().layer(service_fn(handler));
    let (cause, [answers, _]) = cause_of(service, grpc_request("/pkg.Service/Watch")).await;
    // Trailers tell it, as those of any other gRPC server do.
    assert_eq!((cause, answers.bad()), (Cause::Status, 1));
}

#[tokio::test(start_paused = true)]
async fn layers_further_in_know_whose_deadline_it_is() {
    // The outer one answers for the inner one, whose time is the same.
    let inner = || second().layer(service_fn(handler));
    let service = EnforceDeadlineLayer::new().layer(inner());
    let seen = cause_of(service, asking(request(), "5ms")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
    let outer = EnforceDeadlineLayer::new().default_timeout(ms(5));
    let (cause, _) = cause_of(outer.layer(inner()), request()).await;
    assert_eq!(cause, Cause::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_does_not_wait_beyond_it_refuses_for_the_caller() {
    let limited = || {
        let queue = LeakyBucket::new(Quota::per_second(1).burst(100));
        let limiter = Local::builder(queue)
            .clock(sluicegate::clock::Tokio::new())
            .direct();
        limiter.debit(50);
        RateLimitLayer::new(limiter).layer(service_fn(handler))
    };
    let service = second().layer(limited());
    let seen = cause_of(service, asking(request(), "5ms")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
    let (cause, _) = cause_of(second().layer(limited()), request()).await;
    assert_eq!(cause, Cause::Timeout);
}

/// A downstream call that a server bounds by a time of its own fails for the server.
#[tokio::test(start_paused = true)]
async fn a_bound_of_a_call_is_the_servers_whatever_the_caller_chose() {
    let calling = |layer: PropagateDeadlineLayer| {
        let callee = service_fn(async |_: Req| {
            pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        second().layer(layer.layer(callee))
    };
    let bounded = PropagateDeadlineLayer::new().call_max(ms(5));
    let (cause, [answers, _]) = cause_of(calling(bounded), asking(request(), "500ms")).await;
    assert_eq!((cause, answers.bad()), (Cause::Timeout, 1));
    // The header of the call is a bound of its own, too.
    let told = service_fn(move |mut req: Req| {
        let timeout = "5ms".parse().unwrap();
        req.headers_mut().insert("x-request-timeout", timeout);
        let callee = service_fn(async |_: Req| {
            pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        PropagateDeadlineLayer::new().layer(callee).oneshot(req)
    });
    let (cause, _) = cause_of(second().layer(told), asking(request(), "500ms")).await;
    assert_eq!(cause, Cause::Timeout);
    // That of the caller, which the call goes by, is the caller's.
    let free = PropagateDeadlineLayer::new();
    let seen = cause_of(calling(free), asking(request(), "5ms")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
}

/// A call that the handler streams from ends by the same deadline.
#[tokio::test(start_paused = true)]
async fn a_body_that_a_call_ends_by_it_is_the_callers() {
    let passing = |layer: PropagateDeadlineLayer| second().layer(layer.layer(service_fn(handler)));
    let free = PropagateDeadlineLayer::new();
    let seen = cause_of(passing(free), asking(stream_request(), "5ms")).await;
    assert_eq!(seen, (Cause::CallerTimeout, NOTHING));
    let bounded = PropagateDeadlineLayer::new().call_max(ms(5));
    let (cause, _) = cause_of(passing(bounded), asking(stream_request(), "500ms")).await;
    assert_eq!(cause, Cause::Timeout);
}
