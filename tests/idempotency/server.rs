//! Services behind the layer, asked directly or over real sockets.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{
    Router,
    body::Body,
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sluicegate::idempotency::{Counts, GlobalScope, IdempotencyLayer, Local, Store};
use tokio::{net::TcpListener, sync::Notify};
use tower::ServiceExt;

/// Returns a layer with a store of its own, and its counts.
pub(crate) fn layer() -> (IdempotencyLayer<Local, GlobalScope>, Arc<Counts>) {
    layer_over(Local::new())
}

pub(crate) fn layer_over<S: Store>(store: S) -> (IdempotencyLayer<S, GlobalScope>, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let layer = IdempotencyLayer::new(store).global_scope();
    (layer.observe(counts.clone()), counts)
}

/// Counts calls of a handler.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<AtomicUsize>);

impl Tally {
    /// Adds one, and returns the new count.
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A router whose responses depend on how often it was called.
pub(crate) fn answering<F, R>(answer: F) -> (Router, Tally)
where
    F: Fn(usize) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let tally = Tally::default();
    let counted = tally.clone();
    let handler = move || answer(counted.add());
    let router = Router::new()
        .route("/", any(handler.clone()))
        .route("/orders", any(handler.clone()))
        .route("/orders/{id}/pay", any(handler));
    (router, tally)
}

/// A router that answers with the number of its calls.
pub(crate) fn counting() -> (Router, Tally) {
    answering(async |nth| Response::new(format!("done {nth}").into()))
}

/// Notices when the server drops a response, or its body.
pub(crate) fn watched(router: Router) -> (Router, Arc<Notify>) {
    let dropped = Arc::new(Notify::new());
    let told = dropped.clone();
    let watch = from_fn(move |request: axum::extract::Request, next: Next| {
        let watch = Dropped(told.clone());
        async move {
            let response = next.run(request).await;
            response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &watch;
                    frame
                }))
            })
        }
    });
    (router.layer(watch), dropped)
}

struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Reply {
    pub(crate) async fn of<B>(response: http::Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
    {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        Self {
            status: head.status,
            headers: head.headers,
            trailers: collected.trailers().cloned().unwrap_or_default(),
            body: collected.to_bytes(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn is_replayed(&self) -> bool {
        let mark = self.headers.get("idempotency-replayed");
        mark.is_some_and(|mark| mark == "true")
    }

    /// Returns the name of the problem in the response.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        let kind = problem["type"].as_str().unwrap();
        let (_, name) = kind.rsplit_once('#').unwrap();
        name.to_owned()
    }
}

/// Returns a request with this key.
pub(crate) fn post(key: &str) -> Builder {
    keyless().header("idempotency-key", key)
}

pub(crate) fn keyless() -> Builder {
    Request::builder().method(Method::POST).uri("/")
}

/// Calls a router directly.
pub(crate) async fn ask(router: &Router, request: Builder, body: &str) -> Reply {
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let Ok(response) = router.clone().oneshot(request).await;
    Reply::of(response).await
}

/// A server on a free port, until the test ends, and a client of it.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    pub(crate) async fn of(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client }
    }

    pub(crate) async fn send(
        &self,
        request: Builder,
        body: &str,
    ) -> http::Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Unpin + use<>>
    {
        let path = request.uri_ref().unwrap().path().to_owned();
        let uri = format!("http://{}{path}", self.address);
        let body = Full::from(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.uri(uri).body(body).unwrap();
        self.client.request(request).await.unwrap()
    }

    pub(crate) async fn ask(&self, request: Builder, body: &str) -> Reply {
        Reply::of(self.send(request, body).await).await
    }
}
