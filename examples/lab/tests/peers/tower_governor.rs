//! `tower_governor` behind a service that does nothing.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::body::Body;
use http::{Request, Response};
use lab::compare::candidates::Answer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::GlobalKeyExtractor,
};

use crate::support::{player, until_unambiguous};

const SECOND: u64 = 1_000_000;

/// Returns a service with the limit `6/60s burst 3`.
fn limited() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> {
    let config = GovernorConfigBuilder::default()
        .key_extractor(GlobalKeyExtractor)
        .period(Duration::from_secs(10))
        .burst_size(3)
        .finish();
    let nothing = |_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) };
    GovernorLayer::new(config.unwrap()).layer(service_fn(nothing))
}

/// A call: the time that a refused client is told, and the microseconds since
/// `begun` before and after.
async fn ask(
    service: &mut impl Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    begun: Instant,
) -> (Option<u64>, u64, u64) {
    let now = || begun.elapsed().as_micros() as u64;
    let before = now();
    let answer = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Body::empty()));
    let answer = answer.await.unwrap();
    let told = answer.headers().get("retry-after");
    let told = told.map(|told| told.to_str().unwrap().parse().unwrap());
    assert_eq!(told.is_some(), answer.status() == 429);
    (told, before, now())
}

#[test]
fn a_burst_passes_and_refused_clients_are_told_seconds_rounded_down() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    until_unambiguous(|| {
        let mut service = limited();
        let begun = Instant::now();
        let mut calls = Vec::new();
        for _ in 0..5 {
            calls.push(runtime.block_on(ask(&mut service, begun)));
        }
        let [(_, first, after_first), .., (_, _, end)] = calls[..] else {
            unreachable!()
        };
        // A token came back meanwhile, perhaps.
        if end - first >= 10 * SECOND {
            return None;
        }
        let mut model = player("tower-governor", "6/60s burst 3");
        for (told, before, after) in calls {
            let earliest = before.saturating_sub(after_first);
            let answer = model.ask(0, earliest);
            let Some(told) = told else {
                assert_eq!(answer, Answer::Pass { wait: 0 });
                continue;
            };
            // Later in the same second, the model tells the same.
            let latest = after - first;
            if earliest / SECOND != latest / SECOND || earliest % SECOND == 0 {
                return None;
            }
            let retry = Some(told * SECOND);
            assert_eq!(answer, Answer::Refuse { retry });
        }
        Some(())
    });
}
