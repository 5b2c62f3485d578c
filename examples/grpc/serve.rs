//! The server: the services for health and sleep, behind metrics, the deadline of
//! the caller and a limit for each client.

use std::{
    io::{self, Write},
    mem,
    sync::Arc,
    time::Duration,
};

use sluicegate::{
    deadline::EnforceDeadlineLayer,
    key::ClientIp,
    limit::{Local, RateLimitLayer, TokenBucket},
    red::{Methods, RedLayer, Registry, prometheus::scrape},
};
use tokio::{net::TcpListener, signal};
use tonic::{
    body::Body,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    Args, refuse,
    sleeper::{self, Sleeper},
};

pub(crate) async fn serve(args: &Args) {
    let limiter = Local::keyed(TokenBucket::new(args.limit));
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<Sleeper>().await;

    let listener = listen(&args.listen).await;
    let listener = listener.unwrap_or_else(|reason| refuse("--listen", reason));
    greet(&listener);
    let metrics = metrics();
    let observer = Arc::new(metrics.clone());
    let deadline = EnforceDeadlineLayer::new().maximum(Duration::from_secs(30));
    let limit = RateLimitLayer::new(limiter).key(ClientIp::peer());
    let routes = Routes::new(health_service).add_service(Sleeper);
    let server = Server::builder()
        // For Prometheus and curl.
        .accept_http1(true)
        .layer(RedLayer::server(&metrics).exempt(is_scrape))
        .layer(deadline.observe(observer.clone()))
        .layer(limit.exempt(is_scrape).observe(observer))
        .add_routes(with_metrics(routes, &metrics));
    let stop = async { _ = signal::ctrl_c().await };
    let incoming = TcpIncoming::from(listener);
    if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop).await {
        eprintln!("stopped: {error}");
    }
}

/// Returns the registry of all metrics. It knows the methods from their descriptors:
/// a client can send any path, which must not become a label.
fn metrics() -> Registry {
    let methods = Methods::new()
        .described(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .expect("tonic-health describes its service")
        .unary(sleeper::SLEEP);
    let metrics = Registry::builder().methods(methods).build();
    metrics.preregister_methods();
    metrics
}

fn with_metrics(mut routes: Routes, metrics: &Registry) -> Routes {
    let router = routes.axum_router_mut();
    *router = mem::take(router).route(METRICS, scrape(metrics));
    routes
}

const METRICS: &str = "/metrics";

fn is_scrape(request: &http::Request<Body>) -> bool {
    request.uri().path() == METRICS
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    let allowed = "a free address and port of this machine, such as 127.0.0.1:50051";
    let refused = |error| format!("cannot listen on {address:?}: {error}; must be {allowed}");
    TcpListener::bind(address).await.map_err(refused)
}

fn greet(listener: &TcpListener) {
    let address = listener.local_addr().expect("a listener has an address");
    let greeting = format!(
        "listening on {address}, until Ctrl-C; try\n\
         \n\
         cargo run --release --example grpc -- --client http://{address}\n\
         curl http://{address}/metrics\n\n",
    );
    // A closed stdout does not stop the server.
    _ = io::stdout().write_all(greeting.as_bytes());
}
