//! The handler for axum that answers a scrape.

use axum::{
    response::IntoResponse,
    routing::{MethodRouter, get},
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use tokio::task::spawn_blocking;

use crate::red::Registry;

/// Returns a handler that answers scrapes of Prometheus, in the format that the
/// request accepts.
///
/// ```
/// use axum::Router;
/// use sluicegate::red::{Registry, prometheus};
///
/// let metrics = Registry::new();
/// let app: Router = Router::new().route("/metrics", prometheus::scrape(&metrics));
/// # let _ = app;
/// ```
pub fn scrape<S: Clone + Send + Sync + 'static>(metrics: &Registry) -> MethodRouter<S> {
    let metrics = metrics.clone();
    get(|headers: HeaderMap| answer(metrics, headers))
}

/// Writes the text on a thread for blocking work.
async fn answer(metrics: Registry, headers: HeaderMap) -> impl IntoResponse {
    // Thousands of series are megabytes of text, which would hold up the
    // requests on this worker.
    let written = spawn_blocking(move || metrics.prometheus_for(&headers)).await;
    let (content_type, text) = written.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok::<_, StatusCode>(([(CONTENT_TYPE, content_type)], text))
}
