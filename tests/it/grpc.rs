//! tonic servers and clients over real sockets.

use std::net::SocketAddr;

use bytes::Bytes;
use sluicegate::{
    clock::Manual,
    key::ClientIp,
    limit::{Keyed, Local, Quota, RateLimitLayer, TokenBucket},
};
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    body::Body,
    client::GrpcService,
    codegen::StdError,
    service::Routes,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;
use tower::{Layer, Service, layer::util::Identity};

use crate::support::{Later, a_few, keyed, layer_of, ms};

pub(crate) type Request = http::Request<Body>;
pub(crate) type Response = http::Response<Body>;

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves tonic's health service on a free port until the test ends.
pub(crate) async fn serve<L, B>(layer: L) -> SocketAddr
where
    L: Layer<Routes> + Clone + Send + 'static,
    L::Service: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + 'static,
    <L::Service as Service<Request>>::Future: Send,
    <L::Service as Service<Request>>::Error: Into<StdError> + Send,
{
    let (listener, address) = bind().await;
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(layer).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

pub(crate) async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// One call of the health service.
pub(crate) async fn check<T>(channel: T) -> Result<(), Status>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<StdError> + Send,
{
    let mut client = HealthClient::new(channel);
    client.check(HealthCheckRequest::default()).await.map(drop)
}

/// Calls a server that admits one, twice.
async fn refused_by(address: SocketAddr) -> Status {
    let channel = connect(address).await;
    check(channel.clone()).await.unwrap();
    check(channel).await.unwrap_err()
}

/// One at once, and one more in 1.5 seconds.
fn one_in_1500_ms() -> TokenBucket {
    TokenBucket::new(Quota::new(1, ms(1_500)).unwrap())
}

fn is_told_to_retry_after_1500_ms(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let message = r#"over the limit `default`, retry after 1500 ms"#;
    assert_eq!(status.message(), message);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(ms(1_500)));
    assert_eq!(
        status.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "1500"
    );
}

#[tokio::test]
async fn a_tonic_server_tells_its_clients_when_to_retry() {
    let status = refused_by(serve(layer_of(one_in_1500_ms())).await).await;
    is_told_to_retry_after_1500_ms(&status);
}

#[tokio::test]
async fn tonic_routes_in_an_axum_router_tell_it_in_the_same_way() {
    let (listener, address) = bind().await;
    let (_, health) = tonic_health::server::health_reporter();
    let router = Routes::new(health).into_axum_router();
    let router = router.layer(layer_of(one_in_1500_ms()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    is_told_to_retry_after_1500_ms(&refused_by(address).await);
}

#[tokio::test]
async fn a_limit_in_a_client_refuses_before_anything_is_sent() {
    let channel = connect(serve(layer_of(a_few(1))).await).await;
    let mut limited = layer_of(one_in_1500_ms()).layer(channel.clone());
    check(&mut limited).await.unwrap();
    is_told_to_retry_after_1500_ms(&check(limited).await.unwrap_err());
    let status = check(channel).await.unwrap_err();
    assert!(
        status.message().contains("retry after 60 s"),
        "the server has counted one"
    );
}

#[tokio::test]
async fn a_limit_is_one_for_all_connections_to_a_tonic_server() {
    let address = serve(layer_of(a_few(5))).await;
    let mut passed = 0;
    for _ in 0..4 {
        let channel = connect(address).await;
        for _ in 0..3 {
            passed += usize::from(check(channel.clone()).await.is_ok());
        }
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn a_limiter_that_fails_makes_a_tonic_server_unavailable() {
    let layer = RateLimitLayer::new(Later::failing_with("connection reset"));
    let status = check(connect(serve(layer).await).await).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        r#"the limit `later` could not be checked"#
    );
    assert!(status.get_details_retry_info().is_none());
}

/// A limit of `burst` for each client, with the key `client`.
fn by_client(
    client: ClientIp,
    burst: u64,
) -> RateLimitLayer<Local<TokenBucket, Keyed, Manual>, ClientIp> {
    RateLimitLayer::new(keyed(a_few(burst))).key(client)
}

#[tokio::test]
async fn a_tonic_server_knows_the_address_of_its_clients() {
    let limited = by_client(ClientIp::peer(), 1);
    let first = refused_by(serve(limited.clone()).await).await;
    assert_eq!(first.code(), Code::ResourceExhausted);
    // The limit is shared, and so is the address.
    let again = check(connect(serve(limited).await).await).await;
    assert_eq!(again.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn metadata_does_not_escape_a_limit_by_peer() {
    let address = serve(by_client(ClientIp::peer(), 2)).await;
    let mut client = HealthClient::new(connect(address).await);
    let mut codes = Vec::new();
    for spoofed in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        request
            .metadata_mut()
            .insert("x-forwarded-for", spoofed.parse().unwrap());
        codes.push(
            client
                .check(request)
                .await
                .map_or_else(|it| it.code(), |_| Code::Ok),
        );
    }
    assert_eq!(codes, [Code::Ok, Code::Ok, Code::ResourceExhausted]);
}

#[tokio::test]
async fn an_admitted_call_is_told_what_is_left() {
    let mut client = HealthClient::new(connect(serve(layer_of(a_few(9))).await).await);
    let response = client.check(HealthCheckRequest::default()).await.unwrap();
    let state = response.metadata().get("ratelimit").unwrap();
    assert_eq!(state, r#""default";r=8;t=60"#);
}

#[tokio::test]
async fn a_server_without_a_limit_refuses_no_request() {
    let channel = connect(serve(Identity::new()).await).await;
    for _ in 0..20 {
        check(channel.clone()).await.unwrap();
    }
}
