//! Work under idempotency keys.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluicegate::{
    idempotency::{self, Claimant, IdempotencyLayer},
    refusal::{Reason, Refusal},
};
use std::convert::Infallible;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::support::{drain, ms};

fn keyed() -> Request<Full<Bytes>> {
    let request = Request::post("/orders").header("idempotency-key", "17");
    request.body("book".into()).unwrap()
}

/// A handler that takes this long.
macro_rules! order {
    ($drain:expr, $store:expr, $takes:expr) => {
        ServiceBuilder::new()
            .layer($drain.layer())
            .layer(
                IdempotencyLayer::over(Claimant::new($store.clone()).lease(ms(300))).global_scope(),
            )
            .service(service_fn(|_: Request<Full<Bytes>>| async {
                sleep(ms($takes)).await;
                Ok::<_, Infallible>(Response::new(String::from("order 1")))
            }))
    };
}

fn reason<B>(answer: &Response<B>) -> Option<Reason> {
    answer.extensions().get::<Refusal>().map(Refusal::reason)
}

#[tokio::test(start_paused = true)]
async fn work_whose_client_is_gone_is_waited_for() {
    let (drain, store) = (drain(), idempotency::Local::new());
    let service = order!(drain, store, 400);
    let request = tokio::spawn(service.oneshot(keyed()));
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    request.abort();
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(report.took(), ms(400));
    assert_eq!(report.by_name()["POST /orders (guard)"].finished, 1);
    // The next process replays it.
    let after = order!(crate::support::drain(), store, 0)
        .oneshot(keyed())
        .await
        .unwrap();
    assert_eq!(after.headers()["idempotency-replayed"], "true");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_came_late_claims_nothing() {
    let (drain, store) = (drain(), idempotency::Local::new());
    let service = order!(drain, store, 0);
    let _guard = drain.guard("work");
    drain.begin();
    tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait().await }
    });
    sleep(ms(200)).await;
    let late = service.oneshot(keyed()).await.unwrap();
    assert_eq!(reason(&late), Some(Reason::Draining));
    // Another process runs it at once.
    let elsewhere = order!(crate::support::drain(), store, 0)
        .oneshot(keyed())
        .await
        .unwrap();
    assert_eq!(reason(&elsewhere), None);
    assert_eq!(elsewhere.headers().get("idempotency-replayed"), None);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_an_aborted_handler_is_not_released() {
    let (drain, store) = (drain(), idempotency::Local::new());
    let request = tokio::spawn(order!(drain, store, 60_000).oneshot(keyed()));
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    drain.abort();
    let report = drain.wait().await;
    assert_eq!(
        reason(&request.await.unwrap().unwrap()),
        Some(Reason::Aborted)
    );
    assert_eq!(report.by_name()["POST /orders"].aborted, 1);
    // The outcome is unknown, so a repeated request waits for the lease, which
    // ends with the process.
    let again = order!(crate::support::drain(), store, 0)
        .oneshot(keyed())
        .await
        .unwrap();
    assert_eq!(reason(&again), Some(Reason::StillRunning));
}
