//! Stores that do not answer.

use ::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use sluicegate::idempotency::{
    Body, Claimant, Claimed, Fingerprint, LeaseStatus, Record, Reply, Scope, Store,
};

use crate::{
    server::{answering, ask, counting, keyless, layer_over, post},
    support::{LEASE, Mood, Moody},
};

#[tokio::test(start_paused = true)]
async fn no_request_with_a_key_passes_while_the_store_fails() {
    let store = Moody::new();
    let (router, tally) = counting();
    let (layer, counts) = layer_over(store.clone());
    let router = router.layer(layer);
    store.fail(2, Mood::Away);
    let refused = ask(&router, post("17"), "").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem(), "store-unavailable");
    assert_eq!((tally.count(), counts.snapshot().began), (0, 0));
    store.fail(2, Mood::Away);
    assert!(ask(&router, keyless(), "").await.status.is_success());
    store.fail(0, Mood::Away);
    assert_eq!(ask(&router, post("17"), "").await.text(), "done 2");
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_fails_open_does_work_twice_and_counts_that() {
    let store = Moody::new();
    let (router, tally) = counting();
    let (layer, counts) = layer_over(store.clone());
    let router = router.layer(layer.fail_open());
    for _ in 0..2 {
        store.fail(2, Mood::Away);
        let reply = ask(&router, post("17"), "").await;
        assert!(reply.status.is_success() && !reply.is_replayed());
    }
    assert_eq!((tally.count(), counts.snapshot().failed_open), (2, 2));
}

/// Returns the fingerprint of a request without a query, a content type and a
/// body. Stores outlive the program that wrote them, so this stays what it was.
async fn recorded(store: &Moody, record: Bytes) {
    let name = Scope::new("http").method("POST").route("/").name("17");
    let nothing = None::<&str>;
    let fingerprint = Fingerprint::builder().part("POST").part("/");
    let fingerprint = fingerprint
        .optional(nothing)
        .optional(nothing)
        .optional(Some(""));
    let claimant = Claimant::new(store.clone());
    let Ok(Claimed::Run(guard)) = claimant.claim(name, fingerprint.finish()).await else {
        panic!("it is there already");
    };
    let token = guard.lease().token();
    let kept = store.inner.complete(name, token, record, LEASE).await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
}

/// The work was done, even if its outcome is unknown here.
#[tokio::test(start_paused = true)]
async fn work_with_an_unreadable_record_is_not_repeated_even_if_the_layer_fails_open() {
    let of_a_job = Record::Value(Body::Kept("of a job".into())).encode();
    for record in [of_a_job, b"SGIR\x09?".as_slice().into()] {
        let store = Moody::new();
        recorded(&store, record).await;
        let (router, tally) = counting();
        let router = router.layer(layer_over(store).0.fail_open());
        let refused = ask(&router, post("17"), "").await;
        assert_eq!(refused.problem(), "store-unavailable");
        assert_eq!(tally.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_version_is_replayed() {
    let store = Moody::new();
    let mut reply = Reply::new(StatusCode::CREATED);
    reply.body = Body::Kept("kept".into());
    recorded(&store, Record::Reply(reply).encode()).await;
    let (router, tally) = counting();
    let router = router.layer(layer_over(store).0);
    let kept = ask(&router, post("17"), "").await;
    assert_eq!((kept.status, kept.text()), (StatusCode::CREATED, "kept"));
    assert_eq!(tally.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_could_not_be_kept_is_given_and_kept_later() {
    let store = Moody::new();
    let failing = store.clone();
    let (router, tally) = answering(move |nth| {
        failing.fail(3, Mood::Away);
        async move { Response::new(format!("done {nth}").into()) }
    });
    let (layer, counts) = layer_over(store);
    let tracker = layer.tracker().clone();
    let router = router.layer(layer);
    assert_eq!(ask(&router, post("17"), "").await.text(), "done 1");
    assert_eq!(tracker.drain(LEASE).await, 0);
    assert!(ask(&router, post("17"), "").await.is_replayed());
    let counts = counts.snapshot();
    assert_eq!(
        (counts.unsaved, counts.saved_late, tally.count()),
        (1, 1, 1)
    );
}

/// The claims of a client that left before the store had answered.
#[tokio::test(start_paused = true)]
async fn work_is_done_although_its_client_left_before_the_store_answered() {
    let store = Moody::new();
    let (router, tally) = counting();
    store.fail(1, Mood::Slow(LEASE / 10));
    let (layer, counts) = layer_over(store);
    let tracker = layer.tracker().clone();
    let router = router.layer(layer);
    let left = tokio::time::timeout(LEASE / 100, ask(&router, post("17"), ""));
    assert!(left.await.is_err());
    assert_eq!(tracker.drain(LEASE).await, 0);
    assert_eq!((tally.count(), counts.snapshot().completed), (1, 1));
    assert!(ask(&router, post("17"), "").await.is_replayed());
}
