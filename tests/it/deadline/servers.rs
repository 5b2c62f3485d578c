//! Deadlines in servers, over real sockets.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use sluicegate::deadline::{Counts, EnforceDeadlineLayer};
use tokio::net::{TcpListener, TcpStream};
use tonic::{
    Code,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::support::{Feeder, counting, fed, ms};
use crate::http::{Connection, serve};

fn layer() -> EnforceDeadlineLayer {
    EnforceDeadlineLayer::new().maximum(ms(60_000))
}

#[tokio::test]
async fn an_axum_router_answers_504_with_a_problem() {
    let router = Router::new()
        .route("/stuck", get(pending::<()>))
        .route("/", get(async || "hello"))
        .layer(layer());
    let mut connection = Connection::to(serve(router).await).await;
    let timeout = [("request-timeout", "1ms")];
    let reply = connection.get("/stuck", &timeout).await;
    assert_eq!(reply.status, 504);
    let content_type = reply.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    assert!(reply.body.contains("the deadline has passed"), "{reply:?}");

    let reply = connection.get("/", &[("request-timeout", "60")]).await;
    assert_eq!((reply.status, &*reply.body), (200, "hello"));
}

/// Starts a server whose body is fed by the test, over HTTP/2 to a client that
/// accepts this many bytes.
async fn over_http2(window: u32) -> (Feeder, h2::RecvStream, Arc<Counts>) {
    let (feeder, body) = fed();
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = move || {
        let body = body.lock().unwrap().take().unwrap();
        async { Response::new(Body::new(body)) }
    };
    let (layer, counts) = counting(layer());
    let address = serve(Router::new().route("/", get(handler)).layer(layer)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let handshake = builder
        .initial_window_size(window)
        .handshake::<_, bytes::Bytes>(stream);
    let (client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/"))
        .header("request-timeout", "50ms")
        .body(())
        .unwrap();
    let mut client = client.ready().await.unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    (feeder, response.into_body(), counts)
}

#[tokio::test]
async fn a_body_is_dropped_even_if_the_client_takes_nothing() {
    let (feeder, _body, counts) = over_http2(0).await;
    feeder.frames.closed().await;
    assert!(feeder.dropped.is());
    assert_eq!(counts.snapshot().exceeded_in_body, 1);
}

#[tokio::test]
async fn a_client_that_goes_on_reading_finds_the_stream_reset() {
    let (feeder, mut body, _) = over_http2(4).await;
    // If the body is late already, the frame has no receiver.
    let _ = feeder
        .frames
        .send(http_body::Frame::data("0123456789".into()));
    feeder.frames.closed().await;
    let error = loop {
        match body.data().await.expect("no clean end") {
            Ok(data) => body.flow_control().release_capacity(data.len()).unwrap(),
            Err(error) => break error,
        }
    };
    assert!(error.is_reset() && error.is_remote(), "{error}");
}

/// Returns a channel to tonic's health service behind a deadline.
pub(super) async fn channel(layer: EnforceDeadlineLayer) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(layer).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

async fn health(layer: EnforceDeadlineLayer) -> HealthClient<Channel> {
    HealthClient::new(channel(layer).await)
}

#[tokio::test]
async fn a_tonic_server_answers_with_status_4() {
    let mut client = health(layer()).await;
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    let metadata = request.metadata_mut();
    metadata.insert("x-request-timeout", "0".parse().unwrap());
    let status = client.check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.message(), "the deadline has passed");

    let request = HealthCheckRequest::default();
    client.check(request).await.unwrap();
}

#[tokio::test]
async fn a_tonic_stream_ends_with_status_4() {
    let mut client = health(layer().default_timeout(ms(50))).await;
    let stream = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut stream = stream.into_inner();
    let error = loop {
        match stream.message().await {
            Ok(message) => assert!(message.is_some(), "no clean end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::DeadlineExceeded);
}
