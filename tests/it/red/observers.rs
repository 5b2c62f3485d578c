//! The events of the other layers are in the same registry.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use sluicegate::{
    clock::Manual,
    deadline::{self, Deadline, EnforceDeadlineLayer, PropagateDeadlineLayer, Stage},
    limit::{Local, Quota, RateLimitLayer, RequestOutcome, TokenBucket},
    red::{self, DeadlineCounts, LimiterCounts, RedLayer, Registry},
};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::{
    deadline::support::answer,
    support::{Probe, Req, a_few, layer_of, ms, request, request_with, send, status},
};

fn limiters(metrics: &Registry) -> Vec<LimiterCounts> {
    metrics.snapshot().limiters().to_vec()
}

fn deadlines(metrics: &Registry) -> DeadlineCounts {
    metrics.snapshot().deadlines().unwrap().clone()
}

fn observer(metrics: &Registry) -> Arc<Registry> {
    Arc::new(metrics.clone())
}

#[tokio::test]
async fn decisions_are_counted_by_limiter_and_verdict() {
    let metrics = Registry::new();
    let named = |name: &str, burst| {
        let rule = TokenBucket::new(Quota::per_minute(1).burst(burst));
        let builder = Local::builder(rule).name(name).clock(Manual::new());
        RateLimitLayer::new(builder.direct()).observe(observer(&metrics))
    };
    let mut orders = named("orders", 2).layer(Probe::new());
    let mut mails = named("mails", 1).shadow(true).layer(Probe::new());
    for _ in 0..5 {
        status(&mut orders).await;
        status(&mut mails).await;
    }
    let [mails, orders] = &limiters(&metrics)[..] else {
        panic!("{metrics:?}");
    };
    assert_eq!((&*mails.name, &*orders.name), ("mails", "orders"));
    assert_eq!((orders.decided.admitted, orders.decided.refused), (2, 3));
    assert_eq!((mails.decided.admitted, mails.decided.shadowed), (1, 4));
    let all = RequestOutcome::ALL.map(|outcome| mails.decided.count(outcome));
    assert_eq!(all.iter().sum::<u64>(), 5);
    assert_eq!(orders.redis, None);
}

#[tokio::test]
async fn one_registry_sees_the_request_and_its_refusal() {
    let metrics = Registry::new();
    let service = ServiceBuilder::new()
        .layer(RedLayer::server(&metrics))
        .layer(layer_of(a_few(1)).observe(observer(&metrics)))
        .service(Probe::new());
    for expected in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let response = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(response.status(), expected);
        response.into_body().collect().await.unwrap();
    }
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.count(red::Outcome::Shed), 1);
    assert_eq!(snapshot.limiters()[0].decided.refused, 1);
    assert_eq!(snapshot.route("/").limiters(), [], "they are of no route");
}

#[tokio::test]
async fn an_exempt_request_is_counted_without_a_name() {
    let metrics = Registry::new();
    let layer = layer_of(a_few(1)).exempt(|_: &Req| true);
    let mut service = layer.observe(observer(&metrics)).layer(Probe::new());
    send(&mut service, request()).await;
    let [exempt] = &limiters(&metrics)[..] else {
        panic!("{metrics:?}");
    };
    assert_eq!((&*exempt.name, exempt.decided.exempt), ("", 1));
}

#[tokio::test]
async fn forgotten_buckets_are_counted_by_limiter() {
    let metrics = Registry::new();
    let limiter = Local::builder(a_few(1))
        .name("small")
        .capacity(1)
        .clock(Manual::new())
        .observe(observer(&metrics))
        .keyed();
    for key in 0..100 {
        limiter.check(&key, 1);
    }
    let [small] = &limiters(&metrics)[..] else {
        panic!("{metrics:?}");
    };
    assert_eq!(small.name, "small");
    assert!(small.decided.forgotten > 0);
    assert_eq!(small.decided.forgotten, limiter.forgotten());
}

/// A handler that takes so long.
async fn after(late: Duration) -> Response<String> {
    tokio::time::sleep(late).await;
    Response::new("x".into())
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_counted_with_what_was_left() {
    let metrics = Registry::new();
    assert_eq!(metrics.snapshot().deadlines(), None);
    let layer = EnforceDeadlineLayer::new()
        .maximum(ms(1_000))
        .observe(observer(&metrics));
    let asking = |timeout| request_with("grpc-timeout", timeout);
    for request in [request(), asking("200m"), asking("5S"), asking("soon")] {
        assert_eq!(
            answer(&layer, request, |_| after(ms(0))).await.status(),
            200
        );
    }
    let late = answer(&layer, asking("30m"), |_| after(ms(31))).await;
    assert_eq!(late.status(), 504);
    let counts = deadlines(&metrics);
    assert_eq!(
        (counts.noticed.entered, counts.with(), counts.without()),
        (5, 3, 2)
    );
    assert_eq!((counts.noticed.clamped, counts.noticed.malformed), (1, 1));
    let of_stages = Stage::ALL.map(|stage| counts.noticed.exceeded(stage));
    assert_eq!(of_stages, [1, 0, 0]);
    assert_eq!(counts.left.sum(), ms(200 + 1_000 + 30));
    assert_eq!(counts.left.at_most(ms(50)), Some(1));
}

#[test]
fn a_snapshot_never_invents_requests_without_a_deadline() {
    let metrics = Registry::new();
    let asked = deadline::Event::Entered(Some(ms(3)));
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(Relaxed) {
                deadline::Observe::noticed(&metrics, &asked);
            }
        });
        let counts = (0..20_000).filter_map(|_| metrics.snapshot().deadlines().cloned());
        let most = counts.map(|counts| counts.without()).max();
        end.store(true, Relaxed);
        assert_eq!(most, Some(0), "all of them had one");
    });
}

#[tokio::test(start_paused = true)]
async fn calls_to_others_are_counted_with_the_rest() {
    let metrics = Registry::new();
    let layer = PropagateDeadlineLayer::new().observe(observer(&metrics));
    let call = layer.layer(Probe::new()).oneshot(request());
    let call = deadline::scope(Deadline::after(ms(0)), call);
    assert_eq!(call.await.unwrap().status(), 504);
    let noticed = deadlines(&metrics).noticed;
    assert_eq!(noticed.exceeded(Stage::Client), 1);
}

#[tokio::test(start_paused = true)]
async fn registries_of_deadlines_are_shown_by_their_names() {
    let metrics = Registry::new();
    let registry = deadline::Registry::local();
    metrics.deadline_registry("jobs", &registry);
    let id = registry.register(ms(1_000)).await.unwrap();
    let claim = registry.claim(&id).await.unwrap();
    registry.cancel(&id, "enough").await.unwrap();
    claim.cancelled().await;
    let shown = metrics.snapshot().registries().to_vec();
    assert_eq!((&*shown[0].0, shown[0].1.told), ("jobs", 1));
    // Under the same name comes another one.
    metrics.deadline_registry("jobs", &deadline::Registry::local());
    let shown = metrics.snapshot().registries().to_vec();
    assert_eq!((shown.len(), shown[0].1.told), (1, 0));
}
