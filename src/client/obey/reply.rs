//! The meaning of a response for the next calls to its peer.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};

use crate::{
    client::advice::{QuotaAdvice, quotas, retry_advice},
    refusal::Refusal,
};

/// The gRPC codes of a server that refuses: over a limit, or overloaded.
const REFUSED: [&[u8]; 2] = [b"8", b"14"];

/// The parts of a response that the layer obeys.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) quotas: Vec<QuotaAdvice>,
    /// How long no call is wanted.
    pub(super) pause: Option<Duration>,
    /// Whether the server refused the call because of its load or a limit.
    pub(super) is_refused: bool,
}

impl Reply {
    /// Reads a response. One that a layer further in made is not the server's.
    pub(super) fn of<B>(response: &Response<B>) -> Option<Self> {
        if response.extensions().get::<Refusal>().is_some() {
            return None;
        }
        let headers = response.headers();
        let status = response.status();
        let is_refused = is_busy(status) || is_refused_grpc(headers);
        Some(Self {
            quotas: quotas(headers),
            pause: pause(headers, is_refused),
            is_refused,
        })
    }

    /// Reads the trailers of a gRPC response; `None` if they do not refuse.
    pub(super) fn of_trailers(trailers: &HeaderMap) -> Option<Self> {
        let is_refused = is_refused_grpc(trailers);
        is_refused.then(|| Self {
            quotas: Vec::new(),
            pause: pause(trailers, true),
            is_refused,
        })
    }
}

/// Returns the pause that a refusal asks for. A `Retry-After` of other responses
/// is about one call.
fn pause(fields: &HeaderMap, is_refused: bool) -> Option<Duration> {
    let advice = is_refused.then(|| retry_advice(fields)).flatten()?;
    advice.delay().filter(|it| !it.is_zero())
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

fn is_refused_grpc(fields: &HeaderMap) -> bool {
    let status = fields.get("grpc-status");
    status.is_some_and(|it| REFUSED.contains(&it.as_bytes()))
}
