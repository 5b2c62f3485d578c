//! The load of a server, as its response tells it.

use http::{HeaderMap, Response, StatusCode};

use crate::{client::body::has_verdict_in_trailers, refusal::Refusal};

/// The gRPC codes of a server that did not do the work: `DEADLINE_EXCEEDED`,
/// `RESOURCE_EXHAUSTED` and `UNAVAILABLE`.
const NOT_TRIED: [&[u8]; 3] = [b"4", b"8", b"14"];

/// Whether a server accepted a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It tried to do the work.
    Accepted,
    Rejected,
    /// The call did not reach it.
    Local,
    /// The trailers will tell.
    InTrailers,
}

impl Verdict {
    pub(super) fn of<B>(response: &Response<B>) -> Self {
        if response.extensions().get::<Refusal>().is_some() {
            return Self::Local;
        }
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Rejected,
            _ if has_verdict_in_trailers(response) => Self::InTrailers,
            _ => Self::of_fields(response.headers()),
        }
    }

    /// Returns what the gRPC status says, if there is one.
    pub(super) fn of_fields(fields: &HeaderMap) -> Self {
        let status = fields.get("grpc-status");
        match status.is_some_and(|it| NOT_TRIED.contains(&it.as_bytes())) {
            true => Self::Rejected,
            false => Self::Accepted,
        }
    }
}
