//! Requests that come too late to be worth beginning.

use http::{Request, Response, StatusCode};
use sluicegate::deadline::{Deadline, EnforceDeadlineLayer, Trust};
use tower::{Layer, ServiceExt};

use super::support::{Req, answer, counting, ms, request_with, second};
use crate::support::{Probe, request};

async fn hello(_: Req) -> Response<String> {
    Response::new("hello".into())
}

async fn status(layer: &EnforceDeadlineLayer, req: Req) -> u16 {
    answer(layer, req, hello).await.status().as_u16()
}

/// Returns a request whose deadline has passed before it came.
fn late() -> Req {
    let mut request = Request::new(String::new());
    request.extensions_mut().insert(Deadline::after(ms(0)));
    request
}

async fn refused(layer: &EnforceDeadlineLayer, requests: usize) -> usize {
    let mut refused = 0;
    for _ in 0..requests {
        refused += usize::from(status(layer, late()).await == 504);
    }
    refused
}

#[tokio::test(start_paused = true)]
async fn a_request_for_a_timeout_of_zero_is_always_refused() {
    let (layer, counts) = counting(second().reject_at_most(0));
    for value in ["0S", "0n", "00000000H"] {
        let req = request_with(&[("grpc-timeout", value)]);
        assert_eq!(status(&layer, req).await, 504, "{value}");
    }
    let req = request_with(&[("request-timeout", "0")]);
    assert_eq!(status(&layer, req).await, 504);
    assert_eq!(
        (
            counts.snapshot().rejected,
            counts.snapshot().admitted_over_budget
        ),
        (4, 0)
    );
    let req = request_with(&[("grpc-timeout", "0S")]);
    assert_eq!(status(&second().trust(Trust::Never), req).await, 200);
}

#[tokio::test(start_paused = true)]
async fn one_in_five_is_refused_and_the_others_are_let_in_over_budget() {
    let (layer, counts) = counting(second());
    assert_eq!(refused(&layer, 100).await, 20);
    assert_eq!(
        (
            counts.snapshot().rejected,
            counts.snapshot().admitted_over_budget
        ),
        (20, 80)
    );
    tokio::time::advance(ms(10_000)).await;
    assert_eq!(refused(&layer, 4).await, 0, "of none before");
    let all = second().reject_at_most(100);
    assert_eq!(refused(&all, 10).await, 10);
}

#[tokio::test(start_paused = true)]
async fn clones_and_routes_share_the_budget_of_rejections() {
    let layer = second();
    for _ in 0..50 {
        assert_eq!(status(&layer.clone(), request()).await, 200);
    }
    assert_eq!(refused(&layer.clone(), 10).await, 10);
    assert_eq!(refused(&layer, 10).await, 4);
}

#[tokio::test(start_paused = true)]
async fn less_time_than_is_useful_is_too_late() {
    let layer = second().min_useful(ms(50)).reject_at_most(100);
    for (value, expected) in [("49m", 504), ("50m", 200), ("1S", 200)] {
        let req = request_with(&[("grpc-timeout", value)]);
        assert_eq!(status(&layer, req).await, expected, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_not_called() {
    let layer = second().reject_at_most(100);
    let mut service = layer.layer(Probe::new());
    let ready = service.ready().await.unwrap();
    let response = tower::Service::call(ready, late()).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(service.get_ref().calls(), 0);
    assert!(
        !service.get_ref().is_ready(),
        "what was reserved is given up"
    );
}
