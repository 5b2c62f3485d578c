//! What runs after the last request, and the readiness check.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sluicegate::red::{RedLayer, Registry};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

use crate::support::{drain, ms};

#[tokio::test(start_paused = true)]
async fn metrics_are_flushed_after_the_last_request_was_counted() {
    let drain = drain();
    let metrics = Registry::new();
    let flushed = Arc::new(AtomicUsize::new(0));
    drain.at_end("metrics", {
        let (metrics, flushed) = (metrics.clone(), flushed.clone());
        async move {
            let ended: u64 = metrics.snapshot().series.iter().map(|it| it.ended()).sum();
            flushed.store(ended as usize, Relaxed);
        }
    });
    let slow = get(|| async {
        sleep(ms(300)).await;
        "hello"
    });
    let app = Router::new()
        .route("/", slow)
        .layer(RedLayer::server(&metrics))
        .layer(drain.layer());
    tokio::spawn(async move {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    });
    tokio::task::yield_now().await;
    drain.begin();
    let report = drain.wait().await;
    assert_eq!((flushed.load(Relaxed), report.took()), (1, ms(300)));
}

#[tokio::test(start_paused = true)]
async fn hooks_run_in_their_order_and_within_the_budget() {
    let drain = drain();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for (name, takes) in [
        ("first", 600),
        ("second", 200),
        ("stuck", 9_000),
        ("last", 0),
    ] {
        let order = order.clone();
        drain.at_end(name, async move {
            sleep(ms(takes)).await;
            order.lock().unwrap().push(name);
        });
    }
    let begun = Instant::now();
    drain.begin();
    let report = drain.wait().await;
    // They begin after the lame duck, and have the rest of the budget.
    assert_eq!(begun.elapsed(), ms(1_000));
    assert_eq!(*order.lock().unwrap(), ["first", "second", "last"]);
    assert_eq!(report.unfinished_hooks(), ["stuck"]);
    assert!(
        report
            .to_string()
            .ends_with("the hook stuck did not end in time")
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_run_after_an_abort_too() {
    let drain = drain();
    let guard = drain.guard("stuck");
    tokio::spawn(guard.hold(pending::<()>()));
    drain.at_end("flush", async { sleep(ms(50)).await });
    drain.abort();
    let begun = Instant::now();
    let report = drain.wait().await;
    assert_eq!(begun.elapsed(), ms(100));
    assert!(report.unfinished_hooks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn readiness_fails_from_the_first_signal_on() {
    let drain = drain();
    let ready = drain.readiness();
    let app: Router = Router::new().route("/readyz", ready.route());
    let check = async || {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(check().await, StatusCode::OK);
    let lost = tokio::spawn({
        let ready = ready.clone();
        async move { ready.lost().await }
    });
    tokio::task::yield_now().await;
    drain.begin();
    lost.await.unwrap();
    assert!(!ready.is_ready());
    assert_eq!(check().await, StatusCode::SERVICE_UNAVAILABLE);
}

/// The layer's types can be named.
#[test]
fn the_service_keeps_the_types_of_the_inner_one() {
    let service: sluicegate::drain::Draining<&str> = drain().layer().layer("inner");
    assert_eq!(*service.get_ref(), "inner");
}
