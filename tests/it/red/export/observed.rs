//! Tests of metrics other than those of requests.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use sluicegate::{
    clock::Manual,
    concurrency::{self, Adaptive, ConcurrencyLayer},
    deadline::{self, EnforceDeadlineLayer},
    drain::Drain,
    idempotency,
    limit::{self, FailOpen, Local, Quota, RateLimitLayer, TokenBucket},
    red::{RedLayer, Registry, Slo},
    redis::Connection,
};
use tower::ServiceBuilder;

use super::promtool::check;
use crate::support::{Probe, request, request_with};

/// A registry, with components that it does not keep.
pub(super) struct Everything {
    pub(super) metrics: Registry,
    _drain: Drain,
    _leased: concurrency::Redis,
}

/// A registry that is told of everything there is, of a Redis that is away.
pub(super) async fn everything() -> Everything {
    let metrics = Registry::builder()
        .clock(Manual::new())
        .slo("all", Slo::availability(0.999))
        .build();
    let observer = Arc::new(metrics.clone());
    let limiter = Local::builder(TokenBucket::new(Quota::per_minute(1)))
        .name("orders")
        .clock(Manual::new())
        .direct();
    let drain = Drain::builder().observe(observer.clone()).build();
    metrics.drain(&drain);
    let permits = concurrency::Local::builder(20)
        .name("api")
        .build_adaptive(Adaptive::gradient());
    metrics.concurrency(&permits);
    let mut service = ServiceBuilder::new()
        .layer(drain.layer())
        .layer(RedLayer::server(&metrics))
        .layer(ConcurrencyLayer::new(permits).observe(observer.clone()))
        .layer(EnforceDeadlineLayer::new().observe(observer.clone()))
        .layer(RateLimitLayer::new(limiter).observe(observer))
        .service(Probe::new());
    let away = Connection::builder("redis://127.0.0.1:1").lazy().unwrap();
    metrics.connection("main", &away);
    let rule = TokenBucket::new(Quota::per_minute(1));
    metrics.limiter(&limit::Redis::new("fleet", rule, &away, FailOpen));
    // On a connection of its own, which it calls in the background.
    let other = Connection::builder("redis://127.0.0.1:1").lazy().unwrap();
    let leased = concurrency::Redis::new("db", 500, &other);
    metrics.concurrency(&leased);
    idempotency::Observe::noticed(&metrics, &idempotency::Event::Replayed);
    let registry = deadline::Registry::local();
    metrics.deadline_registry("jobs", &registry);
    for request in [request_with("request-timeout", "60"), request()] {
        // The end of a window of the adaptive limit.
        tokio::time::advance(Duration::from_secs(2)).await;
        let _ = tower::ServiceExt::ready(&mut service).await.unwrap();
        let answered = tower::Service::call(&mut service, request).await.unwrap();
        let body = http_body_util::BodyExt::collect(answered.into_body());
        body.await.unwrap();
    }
    // What the registry shows, it does not keep.
    Everything {
        metrics,
        _drain: drain,
        _leased: leased,
    }
}

#[tokio::test(start_paused = true)]
async fn other_components_are_exported_too() {
    let everything = everything().await;
    let metrics = &everything.metrics;
    let text = metrics.prometheus_for(&HeaderMap::new()).1;
    for line in [
        r#"sluicegate_limit_decisions_total{limiter="orders",verdict="admitted"} 1"#,
        r#"sluicegate_limit_decisions_total{limiter="orders",verdict="refused"} 1"#,
        r#"sluicegate_limit_forgotten_total{limiter="orders"} 0"#,
        r#"sluicegate_limit_redis_questions_total{limiter="fleet"} 0"#,
        r#"sluicegate_limit_redis_unreadable_total{limiter="fleet"} 0"#,
        r#"sluicegate_concurrency_requests_total{limiter="api",verdict="admitted",criticality="critical"} 2"#,
        r#"sluicegate_concurrency_shed_total{limiter="api",reason="cut-off",criticality="sheddable"} 0"#,
        r#"sluicegate_concurrency_wait_duration_seconds_count{limiter="api"} 0"#,
        r#"sluicegate_concurrency_limit{limiter="api"} 20"#,
        r#"sluicegate_concurrency_in_flight{limiter="api"} 0"#,
        r#"sluicegate_concurrency_queued{limiter="api",criticality="critical"} 0"#,
        r#"sluicegate_concurrency_cut_off_ratio{limiter="api"} 0.0"#,
        r#"sluicegate_concurrency_adaptive_short_seconds{limiter="api"} 0.0"#,
        r#"sluicegate_concurrency_redis_outlived_total{limiter="db"} 0"#,
        r#"sluicegate_concurrency_redis_instances{limiter="db"} 0"#,
        r#"sluicegate_drain_stage{stage="serving"} 1"#,
        r#"sluicegate_drain_stage{stage="draining"} 0"#,
        r#"sluicegate_drain_in_flight 0"#,
        r#"sluicegate_drain_ended_total{end="aborted"} 0"#,
        r#"sluicegate_deadline_requests_total{deadline="true"} 1"#,
        r#"sluicegate_deadline_requests_total{deadline="false"} 1"#,
        r#"sluicegate_deadline_left_seconds_bucket{le="60.0"} 1"#,
        r#"sluicegate_deadline_exceeded_total{stage="body"} 0"#,
        r#"sluicegate_redis_breaker_open{connection="main"} 0"#,
        r#"sluicegate_redis_call_duration_seconds_count{connection="main"} 0"#,
        r#"sluicegate_deadline_registry_told_total{registry="jobs"} 0"#,
        r#"sluicegate_idempotency_events_total{event="replayed"} 1"#,
        r#"sluicegate_slo_events_total{slo="all",good="true"} 1"#,
        r#"sluicegate_slo_burn_rate{slo="all",window="5m"} 0.0"#,
        r#"sluicegate_slo_objective_ratio{slo="all"} 0.999"#,
        r#"sluicegate_slo_alert_firing{slo="all",window="1h",severity="page"} 0"#,
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    }
    check(metrics);
}
