//! A request is settled by the end that is counted: RED and the settlement see
//! the same outcome, whatever happens to the request.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use sluicegate::{
    clock::Manual,
    limit::{Cost, Direct, End, Local, Quota, RateLimitLayer, TokenBucket},
    red::{Cause, Outcome, RedLayer, Registry},
};
use tower::{Layer, ServiceExt};

use super::support::{
    Act::{self, Answer as Says, Fail, Grpc, Hang, Panic, PanicAtOnce},
    Req, Step, acting, grpc_request, request, the_only,
};

/// What a settlement was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    ended: Option<(Outcome, Cause)>,
    bytes: u64,
    is_whole: bool,
}

fn limiter() -> Local<TokenBucket, Direct, Manual> {
    let rule = TokenBucket::new(Quota::per_day(1_000));
    Local::builder(rule).clock(Manual::new()).direct()
}

/// Sends a request and takes so many frames of its response, then drops the
/// rest; `None` drops it before its head. Returns what was counted, and what the
/// settlement was told.
fn ends(act: Act, request: Req, frames: Option<usize>) -> ((Outcome, Cause), Told) {
    let (metrics, limiter) = (Registry::new(), limiter());
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let layer = RateLimitLayer::new(limiter.clone()).settle(move |end: &End<'_>| {
        tell.lock().unwrap().push(Told {
            ended: Some((end.outcome(), end.cause())),
            bytes: end.bytes(),
            is_whole: end.is_whole(),
        });
        end.estimate() + 6
    });
    let service = RedLayer::server(&metrics).layer(layer.layer(acting(act)));
    let asked = async {
        let mut body = service.oneshot(request).await?.into_body();
        for _ in 0..frames.unwrap_or(0) {
            match body.frame().await {
                Some(frame) => frame.map(drop)?,
                None => break,
            }
        }
        Ok::<_, sluicegate::refusal::BoxError>(())
    };
    // A future that waits is dropped, and a panic is caught where a server would.
    let asked = AssertUnwindSafe(asked).catch_unwind();
    if frames.is_some() {
        let _ = asked.now_or_never();
    }
    let told = told.lock().unwrap().clone();
    let snapshot = metrics.snapshot();
    let Some(told) = told.first().cloned().filter(|_| told.len() == 1) else {
        panic!("settled {} times: {told:?}", told.len());
    };
    assert_eq!(limiter.peek().remaining(), 1_000 - 7, "{act:?}");
    let counted = the_only(&snapshot);
    ((counted.outcome(), counted.cause()), told)
}

const HELLO: &[Step] = &[Step::Data("hel"), Step::Data("lo")];

const BODIES: [&[Step]; 10] = [
    &[],
    HELLO,
    &[Step::Data("hello"), Step::Trailers],
    &[Step::Data("hello"), Step::Status("0")],
    &[Step::Data("hello"), Step::Status("5")],
    &[Step::Data("hello"), Step::Status("13")],
    &[Step::Data("hel"), Step::Fail],
    &[Step::Data("hel"), Step::Panic],
    &[Step::Data("hel"), Step::Wait],
    &[Step::Status("16")],
];

const HEADS: [&[(&str, &str)]; 7] = [
    &[],
    &[("content-type", "application/grpc")],
    &[("content-type", "application/grpc"), ("grpc-status", "7")],
    &[("content-type", "application/json")],
    &[("content-type", "application/grpc-web")],
    &[("content-length", "5")],
    &[("content-length", "4")],
];

fn requests() -> Vec<Req> {
    let with = |method: Method| {
        let request = Request::builder().method(method);
        request.body(String::new()).unwrap()
    };
    let mut requests = vec![request(), grpc_request("/pkg.Service/Get")];
    requests.extend([Method::HEAD, Method::CONNECT].map(with));
    requests
}

/// All acts, bodies, heads, kinds of requests, and points at which the response
/// is dropped.
#[test]
fn a_request_is_settled_by_the_end_that_is_counted() {
    let mut acts = vec![Fail, Panic, PanicAtOnce, Hang];
    for body in BODIES {
        acts.extend([200, 204, 404, 503].map(|status| Says(status, body)));
        acts.extend(HEADS.map(|head| Grpc(head, body)));
    }
    for act in acts {
        for request in requests() {
            for frames in 0..4 {
                let (counted, told) = ends(act, request.clone(), Some(frames));
                let seen = format!("{act:?} {request:?} {frames}");
                assert_eq!(told.ended, Some(counted), "{seen}");
            }
        }
    }
}

#[test]
fn a_settlement_is_told_how_far_the_response_came() {
    let told = |act, frames| ends(act, request(), Some(frames)).1;
    let ok = told(Says(200, HELLO), 3);
    assert_eq!((ok.bytes, ok.is_whole), (5, true));
    let cut_off = told(Says(200, HELLO), 1);
    assert_eq!((cut_off.bytes, cut_off.is_whole), (3, false));
    assert_eq!(cut_off.ended.unwrap().0, Outcome::Cancelled);
    let short = told(Grpc(&[("content-length", "9")], HELLO), 3);
    assert_eq!((short.bytes, short.is_whole), (5, false));
    assert_eq!(short.ended, Some((Outcome::ServerError, Cause::Truncated)));
    let failed = told(Fail, 0);
    assert_eq!((failed.bytes, failed.is_whole), (0, false));
}

/// A future that was never polled is dropped before its head.
#[test]
fn a_request_that_is_dropped_before_its_head_is_settled() {
    let limiter = limiter();
    let layer = RateLimitLayer::new(limiter.clone()).settle(|end: &End<'_>| -> Cost {
        assert_eq!(end.http_status(), None);
        assert_eq!(end.cause(), Cause::DroppedBeforeHead);
        40
    });
    let mut service = layer.layer(acting(Hang));
    let future = {
        assert!(
            futures_util::future::poll_fn(|cx| tower::Service::poll_ready(&mut service, cx))
                .now_or_never()
                .unwrap()
                .is_ok()
        );
        tower::Service::call(&mut service, request())
    };
    assert_eq!(limiter.peek().remaining(), 999);
    drop(future);
    assert_eq!(limiter.peek().remaining(), 960);
}
