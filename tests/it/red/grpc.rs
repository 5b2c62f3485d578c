//! tonic over real sockets.

use std::net::SocketAddr;

use ::http::Response;
use axum::{Router, body::Body, routing::post};
use futures_util::stream;
use sluicegate::red::{Cause, Kind, Methods, Outcome, RedLayer, Registry, Status};
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::Layer;

use super::support::{in_flight, outcomes, the_only};
use crate::{
    grpc::{check, connect},
    http,
};

/// tonic's health service, counted.
async fn serve(metrics: &Registry) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(RedLayer::server(metrics))
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

fn health() -> Registry {
    let methods = Methods::new()
        .unary("grpc.health.v1.Health/Check")
        .streaming("grpc.health.v1.Health/Watch");
    Registry::builder().methods(methods).build()
}

#[tokio::test]
async fn a_call_is_counted_on_both_sides() {
    let (received, sent) = (health(), Registry::new());
    let address = serve(&received).await;
    let channel = RedLayer::client(&sent).layer(connect(address).await);
    check(channel.clone()).await.unwrap();
    let unknown = HealthCheckRequest {
        service: "nobody".into(),
    };
    let refused = HealthClient::new(channel).check(unknown).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    for (metrics, kind) in [(received, Kind::GrpcServer), (sent, Kind::GrpcClient)] {
        assert_eq!(in_flight(&metrics), 0);
        let expected = [("client_error", 1), ("ok", 1)].into();
        assert_eq!(outcomes(&metrics), expected, "{kind:?}");
        let snapshot = metrics.snapshot();
        let labels = &snapshot.series[0].labels;
        let expected = (kind, "grpc.health.v1.Health/Check");
        assert_eq!((labels.kind(), labels.route()), expected);
    }
}

#[tokio::test]
async fn a_stream_is_in_flight_until_its_client_leaves() {
    let sent = health();
    let address = serve(&Registry::new()).await;
    let channel = RedLayer::client(&sent).layer(connect(address).await);
    let watched = HealthClient::new(channel)
        .watch(HealthCheckRequest::default())
        .await;
    let mut stream = watched.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_eq!(in_flight(&sent), 1);
    drop(stream);
    assert_eq!(in_flight(&sent), 0);
    let snapshot = sent.snapshot();
    let one = the_only(&snapshot);
    assert_eq!(
        (one.outcome(), one.is_streamed()),
        (Outcome::Cancelled, true)
    );
}

/// A server of gRPC that never says what came of it.
#[tokio::test]
async fn a_truncated_stream_is_an_error_to_its_client() {
    let handler = || async {
        // A whole message of no bytes, and no trailers.
        let message = stream::iter([Ok::<_, std::convert::Infallible>("\0\0\0\0\0")]);
        let response = Response::builder().header("content-type", "application/grpc");
        response.body(Body::from_stream(message)).unwrap()
    };
    let received = health();
    let router = Router::new()
        .route("/grpc.health.v1.Health/Check", post(handler))
        .layer(RedLayer::server(&received));
    let sent = Registry::new();
    let address = http::serve(router).await;
    let channel = RedLayer::client(&sent).layer(connect(address).await);
    let _ = check(channel).await;
    for metrics in [received, sent] {
        assert_eq!(in_flight(&metrics), 0);
        let snapshot = metrics.snapshot();
        let one = the_only(&snapshot);
        assert_eq!(
            (one.outcome(), one.cause()),
            (Outcome::ServerError, Cause::Truncated)
        );
        assert_eq!(one.status(), Some(Status::Grpc(2)));
    }
}
