//! tonic's client over a real socket, with its own timer and the layer's.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use sluicegate::deadline::{Deadline, Form, scope};
use tonic::{Code, Status, service::Routes, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, layer::layer_fn, layer::util::Identity, service_fn};

use super::layer;
use crate::grpc::{Request, Response, check, connect, serve};

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns a channel to a server that never answers.
async fn nobody() -> Channel {
    let never = service_fn(|_: Request| pending::<Result<Response, Infallible>>());
    connect(serve(layer_fn(move |_: Routes| never)).await).await
}

/// Returns a request to which tonic itself gives an hour.
fn with_an_hour() -> tonic::Request<HealthCheckRequest> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    request.set_timeout(HOUR);
    request
}

#[tokio::test]
async fn a_tonic_server_is_told_of_no_more_than_is_left() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let journal = seen.clone();
    let record = tower::util::MapRequestLayer::new(move |request: Request| {
        let told = request.headers().get("grpc-timeout").cloned();
        journal.lock().unwrap().push(told);
        request
    });
    let channel = connect(serve(record).await).await;
    let deadline = Deadline::after(HOUR);
    scope(deadline, check(layer().layer(channel.clone())))
        .await
        .unwrap();
    check(layer().layer(channel)).await.unwrap();
    let seen = seen.lock().unwrap();
    let told = Form::Grpc
        .read(seen[0].as_ref().unwrap().as_bytes())
        .unwrap();
    assert!(told <= HOUR && told > Duration::ZERO);
    assert_eq!(seen[1], None);
}

/// tonic's channel reads the header too, and its timer fires first.
#[tokio::test]
async fn tonic_reports_the_end_of_the_callers_time_as_exceeded() {
    let client = layer().layer(nobody().await);
    tokio::time::pause();
    let status = scope(Deadline::after(HOUR), check(client)).await;
    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn tonic_reports_the_end_of_its_own_timeout_as_exceeded_too() {
    let channel = nobody().await;
    tokio::time::pause();
    let mut client = HealthClient::new(layer().layer(channel.clone()));
    let status = client.check(with_an_hour()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.message(), "the deadline has passed");
    // Without the layer:
    let status = HealthClient::new(channel).check(with_an_hour()).await;
    assert_eq!(status.unwrap_err().code(), Code::Cancelled);
}

#[tokio::test]
async fn a_stream_ends_with_the_status_when_time_is_over() {
    let channel = connect(serve(Identity::new()).await).await;
    let mut client = HealthClient::new(layer().layer(channel));
    let watch = client.watch(HealthCheckRequest::default());
    let mut changes = scope(Deadline::after(HOUR), watch)
        .await
        .unwrap()
        .into_inner();
    assert!(changes.message().await.unwrap().is_some());
    tokio::time::pause();
    let status: Status = changes.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(changes.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_call_without_time_is_not_sent() {
    let unreachable = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
    let client = layer().layer(unreachable.connect_lazy());
    let status = scope(Deadline::after(Duration::ZERO), check(client)).await;
    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
}
