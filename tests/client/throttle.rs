//! Calls that are refused because their server refuses them anyway.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use sluicegate::{
    client::throttle::{Counts, ThrottleLayer},
    clock::Tokio,
    criticality::Criticality,
    deadline::{self, Deadline},
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    refusal::Refusal,
};
use tokio::time::{Instant, advance, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

use crate::scripted::{Says, Scripted, request, says};

/// Numbers that are spread evenly, and the same in each run.
fn even() -> impl Fn() -> u64 + Send + Sync + 'static {
    let state = AtomicU64::new(0);
    move || state.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed)
}

/// The response of a server, without a body.
async fn responds(status: u16) -> Result<Response<Empty<Bytes>>, Infallible> {
    let response = Response::builder().status(status).body(Empty::new());
    Ok(response.unwrap())
}

fn layer(counts: &Arc<Counts>) -> ThrottleLayer {
    ThrottleLayer::new().random(even()).observe(counts.clone())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_gets_a_fifth_of_the_calls() {
    let (counts, server) = (Arc::new(Counts::default()), Scripted::new([says(503, &[])]));
    let client = layer(&counts).layer(server.clone());
    for _ in 0..10_000 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    assert!(
        (1_990..2_020).contains(&server.count()),
        "{}",
        server.count()
    );
    assert_eq!(counts.snapshot().refused + server.count() as u64, 10_000);
}

/// A tenth of the calls is what the server accepts, and `K` is 2.
#[tokio::test(start_paused = true)]
async fn a_server_gets_twice_the_calls_that_it_accepts() {
    let counts = Arc::new(Counts::default());
    let limiter = Local::builder(TokenBucket::new(Quota::per_second(10)))
        .clock(Tokio::new())
        .direct();
    let server = service_fn(move |_: Request<()>| {
        let is_admitted = limiter.check(1).is_admitted();
        responds(if is_admitted { 200 } else { 429 })
    });
    let client = layer(&counts).max_refused(1.0).layer(server);
    let mut before = counts.snapshot();
    for call in 0..60_000 {
        // Two windows pass before it is measured.
        if call == 24_000 {
            before = counts.snapshot();
        }
        client.clone().oneshot(request("/")).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let passed = counts.snapshot().passed - before.passed;
    let accepted = counts.snapshot().accepted - before.accepted;
    let ratio = passed as f64 / accepted as f64;
    assert!((1.9..2.1).contains(&ratio), "{passed} of {accepted}");
}

/// A fifth of the calls finds out; the more of them are accepted, the more are sent.
#[tokio::test(start_paused = true)]
async fn a_server_that_recovers_gets_more_and_more_calls_and_all_after_three_minutes() {
    let (counts, begin) = (Arc::new(Counts::default()), Instant::now());
    let server = service_fn(move |_: Request<()>| {
        let is_down = begin.elapsed() < Duration::from_secs(120);
        responds(if is_down { 503 } else { 200 })
    });
    let client = layer(&counts).layer(server);
    // Calls that were refused in each half minute.
    let mut refused = Vec::new();
    for _ in 0..12 {
        let before = counts.snapshot().refused;
        for _ in 0..300 {
            client.clone().oneshot(request("/")).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        refused.push(counts.snapshot().refused - before);
    }
    let recovery = &refused[4..];
    assert!(recovery.is_sorted_by(|a, b| a >= b), "{refused:?}");
    assert!((235..=245).contains(&recovery[0]), "{refused:?}");
    assert_eq!(recovery[6..], [0, 0], "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_application_are_accepted() {
    for status in [200, 404, 409, 500, 501] {
        let (counts, server) = (
            Arc::new(Counts::default()),
            Scripted::new([says(status, &[])]),
        );
        let client = layer(&counts).layer(server.clone());
        for _ in 0..100 {
            client.clone().oneshot(request("/")).await.unwrap();
        }
        assert_eq!(server.count(), 100, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn levels_are_throttled_apart() {
    let counts = Arc::new(Counts::default());
    let server = Scripted::new([says(503, &[])]);
    let client = layer(&counts).layer(server.clone());
    for _ in 0..100 {
        let mut request = request("/");
        Criticality::Sheddable.write(request.headers_mut());
        client.clone().oneshot(request).await.unwrap();
    }
    let before = counts.snapshot().refused;
    assert!(before > 60);
    for _ in 0..5 {
        let mut request = request("/");
        request.extensions_mut().insert(Criticality::CriticalPlus);
        client.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(
        counts.snapshot().refused,
        before,
        "important calls have counts of their own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_local_and_ends_with_the_window() {
    let counts = Arc::new(Counts::default());
    let mut answers = vec![says(503, &[]); 5];
    answers.push(says(200, &[]));
    let client = layer(&counts).random(|| 0).layer(Scripted::new(answers));
    for _ in 0..5 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    let response = client.clone().oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.extensions().get::<Refusal>().is_some());
    advance(Duration::from_secs(121)).await;
    let response = client.clone().oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_sends_every_call() {
    let (counts, server) = (Arc::new(Counts::default()), Scripted::new([says(503, &[])]));
    let client = layer(&counts).shadow(true).layer(server.clone());
    for _ in 0..100 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    assert_eq!((server.count(), counts.snapshot().refused), (100, 0));
    assert!(counts.snapshot().shadowed > 60);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_do_not_count() {
    let slow = Says {
        after: Duration::from_secs(1),
        ..says(200, &[])
    };
    let (counts, server) = (Arc::new(Counts::default()), Scripted::new([slow]));
    let client = layer(&counts).layer(server.clone());
    let calls = (0..100).map(|_| client.clone().oneshot(request("/")));
    futures_util::future::join_all(calls).await;
    assert_eq!(server.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_counts_only_after_its_deadline() {
    let hangs = Says {
        after: Duration::from_secs(3_600),
        ..says(200, &[])
    };
    let counts = Arc::new(Counts::default());
    let client = layer(&counts).layer(Scripted::new([hangs]));
    let second = Duration::from_secs(1);
    let call = || timeout(second, client.clone().oneshot(request("/")));
    call().await.unwrap_err();
    assert_eq!(counts.snapshot().rejected, 0);
    deadline::scope(Deadline::after(second), async { call().await.unwrap_err() }).await;
    assert_eq!(counts.snapshot().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn trailers_decide_about_a_call_of_grpc() {
    for (status, accepted) in [("0", 1), ("5", 1), ("13", 1), ("14", 0), ("8", 0), ("4", 0)] {
        let answer = Says {
            trailers: vec![("grpc-status", status)],
            ..says(200, &[("content-type", "application/grpc+proto")])
        };
        let counts = Arc::new(Counts::default());
        let client = layer(&counts).layer(Scripted::new([answer]));
        let response = client.oneshot(request("/")).await.unwrap();
        assert_eq!(counts.snapshot().accepted + counts.snapshot().rejected, 0);
        response.into_body().collect().await.unwrap();
        let counts = counts.snapshot();
        assert_eq!(
            (counts.accepted, counts.rejected),
            (accepted, 1 - accepted),
            "{status}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_further_in_counts_as_nothing() {
    let counts = Arc::new(Counts::default());
    let limit = RateLimitLayer::client(Local::direct(TokenBucket::new(Quota::per_hour(1))));
    let client = layer(&counts).layer(limit.layer(Scripted::new([says(200, &[])])));
    for _ in 0..100 {
        _ = client.clone().oneshot(request("/")).await;
    }
    let counts = counts.snapshot();
    assert_eq!(
        (
            counts.passed,
            counts.accepted,
            counts.rejected,
            counts.refused
        ),
        (100, 1, 0, 0)
    );
}
