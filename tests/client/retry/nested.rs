//! Only one layer of a stack retries.

use http::StatusCode;
use sluicegate::{
    client::{
        RetryLayer,
        retry::{Snapshot, Stop},
    },
    refusal::BoxError,
};
use tower::{Layer, ServiceBuilder, ServiceExt, buffer::BufferLayer};

use super::support::{Does, Server, get, layer};

#[tokio::test(start_paused = true)]
async fn a_layer_inside_of_another_passes_its_calls_on() {
    for does in [Does::says(503), Does::Breaks, Does::RefusesConnection] {
        let server = Server::new(vec![does.clone(); 99]);
        let ((outer, of_outer), (inner, of_inner)) = (layer(), layer());
        let client = ServiceBuilder::new()
            .layer(outer)
            .layer(inner)
            .service(server.clone());
        _ = client.oneshot(get()).await;
        assert_eq!(of_outer.snapshot().attempts(), 3);
        let counted = of_inner.snapshot();
        assert_eq!((counted.attempts(), counted.nested), (0, 3));
        assert_eq!(server.state.script.lock().unwrap().len(), 96);
    }
}

/// Calls a server through two layers with a buffer between them. Returns the
/// status or the error, and what the outer and the inner layer have counted.
async fn through_a_buffer(server: &Server) -> (Result<StatusCode, BoxError>, [Snapshot; 2]) {
    let ((outer, of_outer), (inner, of_inner)) = (layer(), layer());
    let client = ServiceBuilder::new()
        .layer(outer)
        .layer(BufferLayer::new(1))
        .layer(inner)
        .service(server.clone());
    let result = client.oneshot(get()).await;
    let counted = [of_outer, of_inner].map(|counts| counts.snapshot());
    (result.map(|response| response.status()), counted)
}

#[tokio::test(start_paused = true)]
async fn layers_on_both_sides_of_a_buffer_do_not_multiply() {
    let server = Server::failing(Does::says(503));
    let (status, [outer, inner]) = through_a_buffer(&server).await;
    assert_eq!(status.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((server.calls(), inner.retries()), (3, 2));
    assert_eq!(outer.stopped(Stop::Nested), 1);
}

#[tokio::test(start_paused = true)]
async fn behind_a_buffer_only_the_first_attempt_is_repeated_further_in() {
    let server = Server::failing(Does::Breaks);
    let (result, [outer, inner]) = through_a_buffer(&server).await;
    result.unwrap_err();
    assert_eq!((outer.attempts(), inner.attempts()), (3, 3));
    assert_eq!((inner.nested, server.calls()), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn another_call_of_the_same_task_is_retried() {
    let server = Server::new([Does::says(503)]);
    let (layer, counts) = layer();
    let client = layer.layer(server.clone());
    client.clone().oneshot(get()).await.unwrap();
    client.oneshot(get()).await.unwrap();
    assert_eq!(counts.snapshot().nested, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_through_two_layers_of_one_budget_counts_once() {
    let server = Server::failing(Does::says(503));
    let layer = RetryLayer::new();
    let client = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(layer)
        .service(server.clone());
    for _ in 0..19 {
        client.clone().oneshot(get()).await.unwrap();
    }
    assert_eq!(server.calls(), 20, "one retry for 19 calls");
}
