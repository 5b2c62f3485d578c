//! One signal for deadlines, drains and cancelled claims.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use sluicegate::{
    deadline::{self, CancelCause, Cancellation, Deadline, EnforceDeadlineLayer, Registry},
    refusal::BoxError,
};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Body, drain, get, ms, whole};

/// Drains at once under a handler with a deadline, and returns its signal.
async fn signal_under(timeout: u64) -> (Cancellation, Instant) {
    let (drain, out) = (drain(), Arc::new(Mutex::new(None)));
    let seen = out.clone();
    let handler = service_fn(move |_: Request<()>| {
        let seen = seen.clone();
        async move {
            *seen.lock().unwrap() = Some(deadline::cancellation());
            sleep(ms(850)).await;
            Ok::<Response<Body>, BoxError>(Response::new(whole("hello")))
        }
    });
    let service = ServiceBuilder::new()
        .layer(drain.layer())
        .layer(EnforceDeadlineLayer::new().default_timeout(ms(timeout)))
        .service(handler);
    tokio::spawn(service.oneshot(get("/")));
    tokio::task::yield_now().await;
    drain.begin();
    let begun = Instant::now();
    tokio::spawn(async move { drain.wait().await });
    let signal = out.lock().unwrap().take().unwrap();
    (signal, begun)
}

#[tokio::test(start_paused = true)]
async fn the_drain_fires_the_signal_of_a_request_with_a_deadline() {
    let (signal, begun) = signal_under(60_000).await;
    signal.cancelled().await;
    assert_eq!(
        (begun.elapsed(), signal.cause()),
        (ms(800), Some(CancelCause::Drain))
    );
    // The deadline passes later, and changes nothing.
    sleep(ms(60_000)).await;
    assert_eq!(signal.cause(), Some(CancelCause::Drain));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_before_stays_the_cause() {
    let (signal, begun) = signal_under(500).await;
    signal.cancelled().await;
    assert_eq!(
        (begun.elapsed(), signal.cause()),
        (ms(500), Some(CancelCause::Deadline))
    );
    sleep(ms(500)).await;
    assert_eq!(signal.cause(), Some(CancelCause::Deadline));
}

#[tokio::test(start_paused = true)]
async fn carried_work_learns_of_the_drain_and_spawned_work_does_not() {
    let drain = drain();
    let (carried, bare) = drain
        .guard("work")
        .run(async {
            let carried = tokio::spawn(deadline::carry(async { deadline::cancellation() }));
            let bare = tokio::spawn(async { deadline::cancellation() });
            (carried.await.unwrap(), bare.await.unwrap())
        })
        .await
        .unwrap();
    drain.abort();
    assert_eq!(
        (carried.cause(), bare.cause()),
        (Some(CancelCause::Drain), None)
    );
    carried.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn a_scope_in_a_request_keeps_its_drain() {
    let drain = drain();
    let deadline = Deadline::after(ms(60_000));
    let signal = drain
        .guard("work")
        .run(deadline::scope(deadline, async {
            deadline::cancellation()
        }))
        .await
        .unwrap();
    drain.abort();
    assert_eq!(signal.cause(), Some(CancelCause::Drain));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_claim_fires_the_signal_of_its_work_with_the_reason() {
    let registry = Registry::local();
    let id = registry.register(ms(1_000)).await.unwrap();
    let claim = registry.claim(&id).await.unwrap();
    let drain = drain();
    let work = claim.scope(async {
        let stop = deadline::cancellation();
        assert_eq!(deadline::current(), Some(claim.deadline()));
        tokio::spawn({
            let stop = stop.clone();
            async move { stop.cancelled().await }
        })
        .await
        .unwrap();
        stop
    });
    let cancel = async {
        sleep(ms(10)).await;
        registry.cancel(&id, "withdrawn").await.unwrap();
    };
    let begun = Instant::now();
    let (stop, ()) = tokio::join!(drain.guard("worker").run(work), cancel);
    let stop = stop.unwrap();
    assert_eq!(begun.elapsed(), ms(10));
    assert_eq!(stop.cause(), Some(CancelCause::Remote("withdrawn".into())));
    assert_eq!(claim.cancellation().cause(), stop.cause());
    drain.abort();
    assert_eq!(stop.cause().unwrap().as_str(), "remote");
}

#[tokio::test(start_paused = true)]
async fn a_claim_also_ends_with_its_deadline_and_with_the_drain() {
    let registry = Registry::local();
    let id = registry.register(ms(1_000)).await.unwrap();
    let claim = registry.claim(&id).await.unwrap();
    let late = claim.cancellation();
    late.cancelled().await;
    assert_eq!(late.cause(), Some(CancelCause::Deadline));
    let id = registry.register(ms(1_000)).await.unwrap();
    let claim = registry.claim(&id).await.unwrap();
    let drain = drain();
    let drained = drain.guard("worker").run(claim.scope(async {
        let stop = deadline::cancellation();
        drain.signal();
        drain.signal();
        stop.cancelled().await;
        stop.cause()
    }));
    // Polled once more before the abort drops it.
    tokio::pin!(drained);
    let outcome = drained.await;
    assert_eq!(outcome, Ok(Some(CancelCause::Drain)));
}
