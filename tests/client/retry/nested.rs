//! Only one layer of a stack retries.

use http::StatusCode;
use sluicegate::client::{RetryLayer, retry::Stop};
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

#[tokio::test(start_paused = true)]
async fn layers_on_both_sides_of_a_buffer_do_not_multiply() {
    let server = Server::new(vec![Does::says(503); 99]);
    let ((outer, of_outer), (inner, of_inner)) = (layer(), layer());
    let client = ServiceBuilder::new()
        .layer(outer)
        .layer(BufferLayer::new(1))
        .layer(inner)
        .service(server.clone());
    let response = client.oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.calls(), 3);
    assert_eq!(of_inner.snapshot().retries(), 2);
    assert_eq!(of_outer.snapshot().stopped(Stop::Nested), 1);
}

#[tokio::test(start_paused = true)]
async fn behind_a_buffer_only_the_first_attempt_is_repeated_further_in() {
    let server = Server::new(vec![Does::Breaks; 99]);
    let ((outer, of_outer), (inner, of_inner)) = (layer(), layer());
    let client = ServiceBuilder::new()
        .layer(outer)
        .layer(BufferLayer::new(1))
        .layer(inner)
        .service(server.clone());
    client.oneshot(get()).await.unwrap_err();
    let (inner, outer) = (of_inner.snapshot(), of_outer.snapshot());
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
