//! The layer under tonic over real sockets.

use std::{net::SocketAddr, time::Duration};

use sluicegate::{
    client::advice::retry_advice,
    concurrency::{ConcurrencyLayer, Direct, Local},
    key,
};
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;
use tower::Layer;

async fn bind() -> (TcpIncoming, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (TcpIncoming::from(listener), address)
}

async fn client(address: SocketAddr) -> HealthClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(endpoint.connect().await.unwrap())
}

/// Waits until this many permits are in flight.
async fn in_flight(permits: &Local<Direct>, count: u32) {
    while permits.usage().in_flight != count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_stream_holds_its_permit_and_others_are_unavailable() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits.clone());
    let (incoming, address) = bind().await;
    let (reporter, health) = tonic_health::server::health_reporter();
    // One service of several, under its own name.
    let server = Server::builder().add_service(layer.layer(health));
    tokio::spawn(server.serve_with_incoming(incoming));

    let mut client = client(address).await;
    let request = HealthCheckRequest::default;
    let mut stream = client.watch(request()).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let status = client.check(request()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    // Trailers-only: the client has the status from the head, with its details.
    let retry = status
        .get_details_retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    assert!((800..=1_200).contains(&retry.as_millis()), "{retry:?}");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert_eq!(pushback.to_str().unwrap(), retry.as_millis().to_string());

    drop(stream);
    in_flight(&permits, 0).await;
    client.check(request()).await.unwrap();
    // The trailers have ended the call.
    in_flight(&permits, 0).await;
    drop(reporter);
}

#[tokio::test]
async fn a_tenant_over_its_own_limit_has_exhausted_its_resources() {
    let permits = Local::keyed(1);
    let layer = ConcurrencyLayer::new(permits)
        .key(key::header("x-tenant"))
        .limit_of_caller();
    let (incoming, address) = bind().await;
    let (reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(layer.layer(health));
    tokio::spawn(server.serve_with_incoming(incoming));

    let mut client = client(address).await;
    let of = |tenant: &str| {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        let tenant = tenant.parse().unwrap();
        request.metadata_mut().insert("x-tenant", tenant);
        request
    };
    let mut stream = client.watch(of("ann")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let status = client.check(of("ann")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let advice = retry_advice(&status.metadata().clone().into_headers());
    let delay = advice.unwrap().delay().unwrap();
    assert!((800..=1_200).contains(&delay.as_millis()), "{delay:?}");
    // Another tenant has a permit of its own.
    client.check(of("bob")).await.unwrap();
    drop(reporter);
}
