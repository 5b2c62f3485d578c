//! The routes, which know nothing of limits.

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
pub(crate) const LARGEST: usize = 4 * 1024;

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
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(orders)
}

/// How long a slow order takes before it is placed, and as long again until it is
/// answered.
const SLOW: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
struct Pace {
    slow: Option<u8>,
}

impl Pace {
    async fn step(&self) {
        if self.slow.is_some_and(|slow| slow > 0) {
            time::sleep(SLOW).await;
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
        let detail = "invalid item, which is empty: must be any other text";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    pace.step().await;
    let order = orders.add(order).map_err(|error| {
        let detail = format!("the journal cannot be written: {error}");
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
    order.map(Json).ok_or_else(|| nothing_at(&uri))
}

#[derive(Debug, Deserialize)]
struct Slow {
    ms: u64,
}

/// Takes its time, like a handler with much to do.
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

/// Fails as told, like a handler with a defect.
async fn fail(query: Result<Query<Fail>, QueryRejection>) -> Result<(), Problem> {
    let Query(Fail { status }) = query?;
    let error = StatusCode::from_u16(status).ok();
    let error = error.filter(|status| status.is_client_error() || status.is_server_error());
    Err(error.map_or_else(
        || {
            let detail = format!("invalid status {status}: must be 400 to 599");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        },
        |status| Problem::new(status, "failed as told"),
    ))
}

async fn unknown_route(uri: Uri) -> Problem {
    nothing_at(&uri)
}

fn nothing_at(uri: &Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not allowed on {}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
