//! Servers that call each other over real sockets: two of tonic's, then axum's.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get};
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sluicegate::deadline::{self, Deadline, EnforceDeadlineLayer, PropagateDeadlineLayer, scope};
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tower::{Layer, ServiceExt, layer::layer_fn, service_fn};

use crate::grpc::{self, check, connect};

const HOUR: Duration = Duration::from_secs(3_600);

/// The time that was left at each hop.
type Seen = Arc<Mutex<Vec<Duration>>>;

fn note(seen: &Seen) {
    let left = deadline::current().map(|deadline| deadline.remaining());
    seen.lock()
        .unwrap()
        .push(left.expect("there is a deadline"));
}

/// A tonic server that calls `next` before it answers.
async fn tonic_hop<F, Next>(seen: &Seen, next: F) -> SocketAddr
where
    F: Fn() -> Next + Clone + Send + Sync + 'static,
    Next: Future<Output = ()> + Send,
{
    let seen = seen.clone();
    let hop = layer_fn(move |routes: Routes| {
        let (seen, next) = (seen.clone(), next.clone());
        service_fn(move |request: grpc::Request| {
            let (seen, next, routes) = (seen.clone(), next.clone(), routes.clone());
            async move {
                note(&seen);
                next().await;
                routes.oneshot(request).await
            }
        })
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(EnforceDeadlineLayer::new())
        .layer(hop)
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn axum_hop(seen: &Seen) -> SocketAddr {
    let seen = seen.clone();
    let app = Router::new()
        .route("/", get(move || async move { note(&seen) }))
        .layer(EnforceDeadlineLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn each_hop_is_told_of_less_than_the_one_before() {
    let seen = Seen::default();
    let last = axum_hop(&seen).await;
    let second = tonic_hop(&seen, move || async move {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let client = PropagateDeadlineLayer::new().layer(client);
        let request = Request::get(format!("http://{last}/"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        assert!(client.oneshot(request).await.unwrap().status().is_success());
    })
    .await;
    let first = tonic_hop(&seen, move || async move {
        let channel = PropagateDeadlineLayer::new().layer(connect(second).await);
        check(channel).await.unwrap();
    })
    .await;
    let channel = PropagateDeadlineLayer::new().layer(connect(first).await);
    scope(Deadline::after(HOUR), check(channel)).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    // Each hop keeps 100 ms for the way back.
    let margin = Duration::from_millis(100);
    assert!(seen[0] <= HOUR - margin, "{seen:?}");
    assert!(
        seen.windows(2).all(|hop| hop[1] + margin <= hop[0]),
        "{seen:?}"
    );
}
