//! Both sides of an idempotency key: the client that attaches it, and the server
//! that honours it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sluicegate::{
    idempotency::{IdempotencyLayer, Local},
    refusal::BoxError,
};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

use super::support::layer;

/// A server that counts the orders that it places. It honours keys, and asks for
/// none.
async fn shop(placed: &Arc<AtomicUsize>) -> String {
    let placed = placed.clone();
    let place = move || async move { format!("order {}", placed.fetch_add(1, SeqCst)) };
    let keys = IdempotencyLayer::new(Local::new()).global_scope();
    let app = Router::new().route("/orders", post(place)).layer(keys);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}/orders")
}

#[tokio::test]
async fn an_order_whose_response_is_lost_is_placed_once() {
    for attaches in [true, false] {
        let placed = Arc::new(AtomicUsize::new(0));
        let uri = shop(&placed).await;
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let is_lost = AtomicBool::new(false);
        let loses = service_fn(|req| {
            let (call, is_lost) = (client.request(req), &is_lost);
            async move {
                let response = call.await?;
                match is_lost.swap(true, SeqCst) {
                    true => Ok::<_, BoxError>(response),
                    false => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
                }
            }
        });
        let moment = Duration::from_micros(1);
        let (retry, _) = layer();
        let retry = match attaches {
            true => retry.backoff(moment, moment).attach_key(),
            false => retry,
        };
        let req = Request::post(&uri).body(Full::new(Bytes::from("a thing")));
        let result = retry.layer(loses).oneshot(req.unwrap()).await;
        assert_eq!(placed.load(SeqCst), 1);
        assert_eq!(result.is_ok(), attaches);
        if let Ok(response) = result {
            assert_eq!(response.headers()["idempotency-replayed"], "true");
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), "order 0");
        }
    }
}
