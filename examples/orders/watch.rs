//! Metrics: those of this process for Prometheus, and those of the whole fleet.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{Method, StatusCode},
    routing::get,
};
use serde::{Deserialize, Serialize};
use sluicegate::{
    red::{self, Durations, Fleet, Registry, Series, Slo, prometheus::scrape, redis::Instance},
    redis::ErrorKind,
};

use crate::problem::Problem;

/// The ratio of requests that the objective wants without a server error.
const AVAILABILITY: f64 = 0.999;

/// Returns the registry of all metrics. Its routes exist from the start, with zeros.
pub(crate) fn metrics() -> Registry {
    let metrics = Registry::builder()
        .exemplars(red::TraceId::from_traceparent)
        .slo("availability", Slo::availability(AVAILABILITY))
        .slo("latency", Slo::latency(0.99, Duration::from_millis(250)))
        .build();
    for (method, route, status) in [
        (Method::POST, "/orders", StatusCode::CREATED),
        (Method::GET, "/orders/{id}", StatusCode::OK),
        (Method::GET, "/slow", StatusCode::OK),
        (Method::GET, "/chain", StatusCode::OK),
    ] {
        let statuses = [status, StatusCode::INTERNAL_SERVER_ERROR];
        metrics.preregister(&method, route, statuses);
    }
    metrics
}

/// The routes of the metrics, which are neither limited nor counted.
pub(crate) fn routes(metrics: &Registry, fleet: Option<&red::Redis>) -> Router {
    let routes = Router::new().route("/metrics", scrape(metrics));
    match fleet {
        Some(fleet) => routes.route("/fleet", get(report).with_state(fleet.clone())),
        None => routes,
    }
}

#[derive(Debug, Deserialize)]
struct Parameters {
    span: Option<String>,
}

async fn report(
    State(fleet): State<red::Redis>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Report>, Problem> {
    let Query(Parameters { span }) = parameters?;
    let span = span.as_deref().unwrap_or("1m");
    let span = humantime::parse_duration(span).map_err(|error| {
        let detail = format!("invalid span {span}: {error}; must be a duration such as 5m");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    match fleet.read(span).await {
        Ok(fleet) => Ok(Json(Report::of(&fleet, span))),
        Err(error) => {
            let status = match error.kind() {
                ErrorKind::Config => StatusCode::BAD_REQUEST,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            Err(Problem::new(status, error.to_string()))
        }
    }
}

/// The activity of the fleet within a span of time until now.
#[derive(Debug, Serialize)]
struct Report {
    covered_secs: f64,
    instances: Vec<Process>,
    in_flight: u64,
    per_second: f64,
    error_ratio: Option<f64>,
    /// How fast the budget of the objective burns.
    burn_rate: Option<f64>,
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct Process {
    id: String,
    in_flight: u64,
}

#[derive(Debug, Serialize)]
struct Route {
    method: String,
    route: String,
    ended: u64,
    failed: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Report {
    fn of(fleet: &Fleet, span: Duration) -> Self {
        let available = Slo::availability(AVAILABILITY);
        let events = available.counts(&fleet.snapshot);
        let burn = events.map(|events| available.burn(span, fleet.covered, events));
        Self {
            covered_secs: fleet.covered.as_secs_f64(),
            instances: fleet.instances.iter().map(Process::of).collect(),
            in_flight: fleet.in_flight(),
            per_second: fleet.rate(),
            error_ratio: fleet.error_ratio(),
            burn_rate: burn.map(|burn| burn.rate),
            routes: fleet.snapshot.series.iter().map(Route::of).collect(),
        }
    }
}

impl Process {
    fn of(instance: &Instance) -> Self {
        Self {
            id: instance.id.clone(),
            in_flight: instance.in_flight,
        }
    }
}

impl Route {
    fn of(series: &Series) -> Self {
        let took = series.durations();
        let millis = |q| {
            let took = took.as_ref().and_then(|took: &Durations| took.quantile(q));
            took.map(|took| took.as_secs_f64() * 1e3)
        };
        Self {
            method: series.labels.method().into(),
            route: series.labels.route().into(),
            ended: series.ended(),
            failed: series.failed(),
            p50_ms: millis(0.5),
            p99_ms: millis(0.99),
        }
    }
}
