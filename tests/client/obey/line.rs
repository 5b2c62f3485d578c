//! Calls that wait: their order, their bounds, and how they leave.

use std::{future::Future, pin::pin, sync::Arc, task::Context, time::Duration};

use futures_util::{future::join_all, task::noop_waker};
use http::StatusCode;
use sluicegate::{
    client::obey::{Counts, ObeyLayer},
    deadline::{self, Deadline},
    limit::Wait,
    refusal::{Reason, Refusal},
};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt};

use crate::scripted::{Says, Scripted, left, request, says};

fn empty() -> Scripted {
    Scripted::new([left(r#""a";r=0;t=1"#)])
}

#[tokio::test(start_paused = true)]
async fn calls_pass_in_the_order_in_which_they_came() {
    let server = empty();
    let client = ObeyLayer::new().layer(server.clone());
    let paths: Vec<_> = (0..8).map(|it| format!("/{it}")).collect();
    join_all(
        paths
            .iter()
            .map(|path| client.clone().oneshot(request(path))),
    )
    .await;
    assert_eq!(server.paths(), paths);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_poll_leaves_its_place() {
    for polls in 0..6 {
        let server = empty();
        let client = ObeyLayer::new().layer(server.clone());
        client.clone().oneshot(request("/0")).await.unwrap();
        {
            let mut dropped = pin!(client.clone().oneshot(request("/dropped")));
            for _ in 0..polls {
                let polled = dropped
                    .as_mut()
                    .poll(&mut Context::from_waker(&noop_waker()));
                if polled.is_ready() {
                    break;
                }
                advance(Duration::from_millis(300)).await;
            }
        }
        let begun = Instant::now();
        let behind = (0..3).map(|_| client.clone().oneshot(request("/")));
        for response in join_all(behind).await {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
        assert!(
            begun.elapsed() <= Duration::from_secs(4),
            "{polls}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_call_takes_the_time_of_one_that_left() {
    let server = empty();
    let client = ObeyLayer::new().layer(server.clone());
    client.clone().oneshot(request("/0")).await.unwrap();
    let begun = Instant::now();
    let first = tokio::spawn(client.clone().oneshot(request("/first")));
    tokio::task::yield_now().await;
    let second = tokio::spawn(client.clone().oneshot(request("/second")));
    tokio::task::yield_now().await;
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(server.paths(), ["/0", "/second"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_at_once_if_its_turn_comes_after_its_deadline() {
    let client = ObeyLayer::new().layer(Scripted::new([left(r#""a";r=0;t=9"#)]));
    client.clone().oneshot(request("/")).await.unwrap();
    let begun = Instant::now();
    let second = Deadline::after(Duration::from_secs(1));
    let call = deadline::scope(second, async { client.clone().oneshot(request("/")).await });
    let response = call.await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let refusal: &Refusal = response.extensions().get().unwrap();
    assert_eq!(refusal.reason(), Reason::DeadlineExceeded);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_the_line_is_refused_at_its_own_limit() {
    let server = empty();
    let layer = ObeyLayer::new().wait(Duration::from_millis(2_500));
    let client = layer.layer(server.clone());
    client.clone().oneshot(request("/")).await.unwrap();
    let begun = Instant::now();
    let calls = (0..5).map(|_| client.clone().oneshot(request("/")));
    let responses = join_all(calls).await;
    let statuses: Vec<_> = responses
        .iter()
        .map(|it| it.as_ref().unwrap().status().as_u16())
        .collect();
    assert_eq!(statuses, [200, 200, 429, 429, 429]);
    assert!(begun.elapsed() <= Duration::from_millis(2_510));
}

#[tokio::test(start_paused = true)]
async fn the_line_is_bounded_and_may_be_none() {
    for (wait, passed) in [
        (Wait::up_to(Duration::from_secs(9)).queue(2), 2),
        (Wait::none(), 0),
    ] {
        let counts = Arc::new(Counts::default());
        let layer = ObeyLayer::new().wait(wait).observe(counts.clone());
        let client = layer.layer(empty());
        client.clone().oneshot(request("/")).await.unwrap();
        join_all((0..5).map(|_| client.clone().oneshot(request("/")))).await;
        let counts = counts.snapshot();
        assert_eq!((counts.held, counts.refused), (passed, 5 - passed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_does_not_block_the_others() {
    let hangs = Says {
        after: Duration::from_secs(3_600),
        ..says(200, &[])
    };
    let server = Scripted::new([hangs, left(r#""a";r=9;t=1"#), left(r#""a";r=8;t=1"#)]);
    let client = ObeyLayer::new().layer(server.clone());
    let hanging = tokio::spawn(client.clone().oneshot(request("/hangs")));
    tokio::task::yield_now().await;
    let begun = Instant::now();
    for _ in 0..5 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    // A second for the first answer, and the pace of the quota after it.
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    hanging.abort();
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_sends_every_call_at_once() {
    let counts = Arc::new(Counts::default());
    let layer = ObeyLayer::new().shadow(true).observe(counts.clone());
    let client = layer.layer(empty());
    let begun = Instant::now();
    for _ in 0..5 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(
        (counts.snapshot().passed, counts.snapshot().shadowed),
        (1, 4)
    );
}
