//! The routes.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::header,
    response::IntoResponse,
    routing::{get, post},
};
use prometheus_client::{encoding::text, registry::Registry};
use serde_json::{Value, json};
use sluicegate::{
    concurrency::{ConcurrencyLayer, Local},
    red::RedLayer,
};

use super::{cancel, dead_letters, metrics::Export, orders, problem::Problem, state::App};
use crate::pipeline::Context;

/// The largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// The most requests that are served at once. Others get 503 and a time.
const MAX_REQUESTS: u32 = 512;

/// Returns all routes.
pub(crate) fn routes(context: &Context, export: Export) -> Router {
    let requests = &context.metrics;
    let permits = Local::builder(MAX_REQUESTS).name("api").build();
    requests.concurrency(&permits);
    let overload = ConcurrencyLayer::new(permits).observe(Arc::new(requests.clone()));
    let mut metrics = Registry::default();
    metrics.register_collector(Box::new(requests.clone()));
    metrics.register_collector(Box::new(export));
    Router::new()
        .route("/orders", post(orders::place))
        .route("/orders/{id}", get(orders::find))
        .route("/orders/{id}/cancel", post(cancel::cancel))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/retry", post(dead_letters::retry_page))
        .route("/dead-letters/{event}/retry", post(dead_letters::retry))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(overload)
        .layer(RedLayer::server(requests))
        .layer(context.drain.layer())
        .route("/totals", get(totals))
        .route("/metrics", get(scrape))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", context.drain.readiness().route())
        .with_state(App::new(context, metrics))
}

/// `GET /totals`: accepted = completed + dead letters + pending.
async fn totals(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let totals = app.context.store.totals().await?;
    Ok(Json(json!({
        "accepted": totals.accepted,
        "completed": totals.completed,
        "dead_letters": totals.dead,
        "pending": totals.pending(),
    })))
}

async fn scrape(State(app): State<App>) -> impl IntoResponse {
    let mut body = String::new();
    let written = text::encode(&mut body, &app.metrics);
    written.expect("a String takes any text");
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, open_metrics)], body)
}
