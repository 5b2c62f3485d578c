//! The routes of the API. They do not know that they are limited.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{Method, StatusCode, Uri, header::LOCATION},
    response::IntoResponse,
    routing::{get, post},
};
use serde::Deserialize;
use tokio::time;

use crate::{
    chain::{self, Chain},
    problem::Problem,
    store::{NewOrder, Order, Orders},
};

/// The largest body of a request, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 4 * 1024;

pub(crate) fn routes(chain: Chain, orders: Orders) -> Router {
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(find))
        .route("/slow", get(slow))
        .route("/chain", get(chain::chain).with_state(chain))
        .route("/fail", get(fail))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(orders)
}

/// How long a slow order takes before it is placed, and again before it is
/// answered.
const SLOW_STEP: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
struct Pace {
    slow: Option<u8>,
}

impl Pace {
    async fn step(&self) {
        if self.slow.is_some_and(|slow| slow > 0) {
            time::sleep(SLOW_STEP).await;
        }
    }
}

async fn place(
    State(orders): State<Orders>,
    pace: Result<Query<Pace>, QueryRejection>,
    body: Result<Json<NewOrder>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(pace) = pace?;
    let Json(order) = body?;
    if order.item.trim().is_empty() {
        let detail = "invalid item \"\": must not be empty";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    pace.step().await;
    let order = orders.add(order).map_err(|error| {
        let detail = format!("cannot write the journal: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    pace.step().await;
    let location = [(LOCATION, format!("/orders/{}", order.id))];
    Ok((StatusCode::CREATED, location, Json(order)))
}

async fn find(
    State(orders): State<Orders>,
    id: Result<Path<u64>, PathRejection>,
    uri: Uri,
) -> Result<Json<Order>, Problem> {
    let order = id.ok().and_then(|Path(id)| orders.find(id));
    order.map(Json).ok_or_else(|| not_found(&uri))
}

#[derive(Debug, Deserialize)]
struct Slow {
    ms: u64,
}

/// Sleeps, like a handler with much work.
async fn slow(query: Result<Query<Slow>, QueryRejection>) -> Result<String, Problem> {
    let Query(Slow { ms }) = query?;
    if ms > 60_000 {
        let detail = format!("invalid ms {ms}: must be 0 to 60000");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    time::sleep(Duration::from_millis(ms)).await;
    Ok(format!("slept for {ms} ms\n"))
}

#[derive(Debug, Deserialize)]
struct Fail {
    status: u16,
}

/// Answers with the given error status, like a handler with a bug.
async fn fail(query: Result<Query<Fail>, QueryRejection>) -> Result<(), Problem> {
    let Query(Fail { status }) = query?;
    let error = StatusCode::from_u16(status).ok();
    let error = error.filter(|status| status.is_client_error() || status.is_server_error());
    Err(error.map_or_else(
        || {
            let detail = format!("invalid status {status}: must be 400 to 599");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        },
        |status| Problem::new(status, "failed because the request asked for it"),
    ))
}

async fn unknown_route(uri: Uri) -> Problem {
    not_found(&uri)
}

fn not_found(uri: &Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("{} does not exist", uri.path()),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not allowed on {}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
