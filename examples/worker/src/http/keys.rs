//! Reads the idempotency key of a request.

use axum::http::{HeaderMap, StatusCode};
use sluicegate::idempotency::{Fingerprint, KeyForm, Scope};

use super::problem::Problem;
use crate::store::Request;

/// Returns the name and the fingerprint of a request. The key belongs to an API key
/// (`x-api-key`), and to one route.
pub(super) fn request(
    headers: &HeaderMap,
    route: &str,
    fingerprint: Fingerprint,
) -> Result<Request, Problem> {
    let lines = headers.get_all("idempotency-key");
    let key = KeyForm::new()
        .read(lines)
        .map_err(|error| bad(error.to_string()))?;
    let key = key.ok_or_else(|| bad("the request has no Idempotency-Key, and needs one"))?;
    let scope = Scope::new("worker").route(route);
    let scope = match headers.get("x-api-key") {
        Some(principal) => scope.principal(principal),
        None => scope,
    };
    Ok(Request {
        name: scope.name(&key).to_string(),
        fingerprint: fingerprint.to_string(),
    })
}

/// Returns the problem of a key that was used for another request.
pub(super) fn reused() -> Problem {
    let detail = "this Idempotency-Key was used for another request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
