//! Limits of concurrency and drains are in the same registry.

use std::sync::Arc;

use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt;
use sluicegate::{
    concurrency::{Ask, ConcurrencyLayer, EntryOutcome, Local, Queue, Rank, Shed},
    criticality::Criticality,
    drain::{Drain, Ending, Stage},
    red::{Registry, prometheus::scrape},
    redis::Connection,
};
use tokio::sync::Notify;
use tower::{Layer, ServiceExt};

use crate::support::{Probe, ms, request};

fn observer(metrics: &Registry) -> Arc<Registry> {
    Arc::new(metrics.clone())
}

#[tokio::test(start_paused = true)]
async fn requests_at_a_limit_are_counted_by_outcome_level_and_wait() {
    let metrics = Registry::new();
    let permits = Local::builder(1)
        .name("api")
        .queue(Queue::new(1).max_wait(ms(30)))
        .build();
    let layer = ConcurrencyLayer::new(permits.clone()).observe(observer(&metrics));
    let status = async || {
        let service = layer.layer(Probe::new());
        service.oneshot(request()).await.unwrap().status()
    };
    assert_eq!(status().await, 200);
    let held = permits.acquire(Ask::new());
    assert_eq!(status().await, 503);
    drop(held);
    let [api] = metrics
        .snapshot()
        .concurrency()
        .to_vec()
        .try_into()
        .unwrap();
    let level = Criticality::Critical;
    let admitted = api.decided.count_of(EntryOutcome::Admitted, level);
    let timed_out = EntryOutcome::Shed(Shed::TimedOut);
    let shed = api.decided.count_of(timed_out, level);
    assert_eq!((&*api.name, admitted, shed), ("api", 1, 1));
    assert_eq!((api.waits.count(), api.waits.sum()), (1, ms(30)));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_shows_what_is_in_use_of_a_limit() {
    let (metrics, open) = (Registry::new(), Arc::new(Notify::new()));
    let permits = Local::builder(1).name("api").queue(Queue::new(9)).build();
    metrics.concurrency(&permits);
    let waits = open.clone();
    let app: Router = Router::new()
        .route("/slow", get(async move || waits.notified().await))
        .layer(ConcurrencyLayer::new(permits.clone()).observe(observer(&metrics)))
        .route("/metrics", scrape(&metrics));
    let ask = |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request)
    };
    let scrape = async || {
        let body = ask("/metrics").await.unwrap().into_body();
        let body = body.collect().await.unwrap().to_bytes();
        String::from_utf8(body.into()).unwrap()
    };
    let shows = |text: &str, metric: &str, value: &str| {
        let line = format!("sluicegate_concurrency_{metric} {value}");
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    };
    let mut first = Box::pin(ask("/slow"));
    let mut second = Box::pin(ask("/slow"));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    let text = scrape().await;
    shows(&text, r#"in_flight{limiter="api"}"#, "1");
    shows(
        &text,
        r#"queued{limiter="api",criticality="critical"}"#,
        "1",
    );
    // Refuses the second, which waits.
    permits.set_cut_off(Rank::HIGHEST);
    permits.set_limit(7);
    assert_eq!(second.await.unwrap().status(), 503);
    open.notify_one();
    assert_eq!(first.await.unwrap().status(), 200);
    let text = scrape().await;
    shows(&text, r#"limit{limiter="api"}"#, "7");
    shows(&text, r#"in_flight{limiter="api"}"#, "0");
    shows(&text, r#"cut_off_ratio{limiter="api"}"#, "0.998046875");
    let refused = r#"shed_total{limiter="api",reason="cut-off",criticality="critical"}"#;
    shows(&text, refused, "1");
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_shown_with_its_stage_and_how_requests_ended() {
    let metrics = Registry::new();
    let drain = Drain::builder().observe(observer(&metrics)).build();
    assert_eq!(metrics.snapshot().drain(), None);
    metrics.drain(&drain);
    let now = || metrics.snapshot().drain().unwrap().now;
    assert_eq!(now(), Some((Stage::Serving, 0)));
    let (done, dropped) = (drain.guard("job"), drain.guard("job"));
    assert_eq!(now(), Some((Stage::Serving, 2)));
    drain.abort();
    assert_eq!(now(), Some((Stage::Aborting, 2)));
    drop((done, dropped));
    drain.wait().await;
    assert_eq!(now(), Some((Stage::Ended, 0)));
    let counts = metrics.snapshot().drain().unwrap().clone();
    let ended = Ending::ALL.map(|end| counts.noticed.ended(end));
    assert_eq!(ended.iter().sum::<u64>(), 2, "{ended:?}");
}

#[tokio::test]
async fn a_registry_keeps_neither_a_drain_nor_a_limit_of_a_fleet() {
    let metrics = Registry::new();
    let away = Connection::builder("redis://127.0.0.1:1").lazy().unwrap();
    let drain = Drain::builder().observe(observer(&metrics)).build();
    let permits = sluicegate::concurrency::Redis::new("db", 500, &away);
    metrics.drain(&drain);
    metrics.concurrency(&permits);
    assert!(
        metrics
            .prometheus()
            .contains("concurrency_redis_instances{limiter=\"db\"}")
    );
    drop((drain, permits));
    assert_eq!(metrics.snapshot().drain(), None);
    assert!(!metrics.prometheus().contains("concurrency_redis_instances"));
}
