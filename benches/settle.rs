//! Measures what it costs to hold an estimate and to settle it, beside a check.
//!
//! `cargo bench -p benches --bench settle` prints a Markdown table. The second column
//! and the fourth are nanoseconds; their difference is what a settlement adds.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use sluicegate::{
    key::Global,
    limit::{End, Local, Quota, RateLimitLayer, TokenBucket},
    refusal::{Answer, Headers},
};
use tower::{Layer, Service};

use workload::{
    pair::{Pair, Report},
    side::Side,
};

fn main() {
    let report = Report::begin();
    let pair = Pair::new("hold and settle, direct", "check");
    report.row(pair, || (held_direct(), checked_direct()));
    let pair = Pair::new("hold and settle, keyed", "check");
    report.row(pair, || (held_keyed(), checked_keyed()));
    let pair = Pair::new("layer that settles", "layer that charges");
    report.row(pair, || (settling(), charging()));
}

fn plenty() -> TokenBucket {
    TokenBucket::new(Quota::per_second(1_000_000_000).burst(u64::from(u32::MAX)))
}

fn checked_direct() -> Side {
    Side::admitting(Local::direct(plenty()), |limiter, _| {
        limiter.check(black_box(1)).is_admitted()
    })
}

fn held_direct() -> Side {
    Side::admitting(Local::direct(plenty()), |limiter, _| {
        let held = limiter.hold(black_box(2));
        held.map(|hold| hold.settle(black_box(1))).is_ok()
    })
}

fn checked_keyed() -> Side {
    Side::admitting(Local::keyed(plenty()), |limiter, step| {
        limiter.check(&(step % 1_000), black_box(1)).is_admitted()
    })
}

fn held_keyed() -> Side {
    Side::admitting(Local::keyed(plenty()), |limiter, step| {
        let held = limiter.hold(&(step % 1_000), black_box(2));
        held.map(|hold| hold.settle(black_box(1))).is_ok()
    })
}

/// A service with a body of five bytes.
#[derive(Clone)]
struct Prompt;

impl Service<Request<Body>> for Prompt {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _req: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::from("hello"))))
    }
}

fn layer() -> RateLimitLayer<Local<TokenBucket, sluicegate::limit::Direct>, Global> {
    let answer = Answer::new().headers(Headers::None);
    RateLimitLayer::new(Local::direct(plenty())).refuse_with(answer)
}

fn charging() -> Side {
    let service = layer().layer(Prompt);
    Side::admitting(service, |service, _| is_whole(service))
}

fn settling() -> Side {
    let layer = layer().settle(|end: &End<'_>| end.bytes());
    Side::admitting(layer.layer(Prompt), |service, _| is_whole(service))
}

/// Sends a request and reads the response to its end.
fn is_whole<S, B>(service: &mut S) -> bool
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let answer = pin!(service.call(Request::new(Body::empty())));
    let Poll::Ready(Ok(response)) = answer.poll(&mut cx) else {
        panic!("the service responds at once");
    };
    let body = pin!(response.into_body().collect());
    matches!(body.poll(&mut cx), Poll::Ready(Ok(_)))
}
