use axum::{
    response::IntoResponse,
    routing::{MethodRouter, get},
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use tokio::task::spawn_blocking;

use super::format::Format;
use crate::red::registry::Registry;

/// Answers a Prometheus that asks, in the format that it asks for.
pub fn scrape<S: Clone + Send + Sync + 'static>(metrics: &Registry) -> MethodRouter<S> {
    let metrics = metrics.clone();
    get(|headers: HeaderMap| answer(metrics, Format::asked_for(&headers)))
}

async fn answer(metrics: Registry, format: Format) -> impl IntoResponse {
    // Thousands of series are megabytes of text, and requests do not wait for that.
    let text = spawn_blocking(move || metrics.prometheus_as(format)).await;
    let text = text.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok::<_, StatusCode>(([(CONTENT_TYPE, format.content_type())], text))
}
