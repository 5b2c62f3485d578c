//! The parts of a request that decide how it is answered.

use http::{HeaderValue, Method, Request, StatusCode, Version, header::CONTENT_TYPE};

use super::entry::TimeLimit;

/// The parts of a request that decide how it is answered, kept while the
/// handler has the request.
pub(super) struct RequestStub {
    pub(super) content_type: Option<HeaderValue>,
    pub(super) version: Version,
    is_head: bool,
    is_connect: bool,
    /// Whether a response counts however late it is.
    pub(super) is_over_budget: bool,
    /// Whether the caller chose the deadline.
    pub(super) is_callers: bool,
}

impl RequestStub {
    /// Copies them before the handler takes the request.
    #[inline]
    pub(super) fn of<B>(req: &Request<B>, limit: TimeLimit) -> Self {
        Self {
            content_type: req.headers().get(CONTENT_TYPE).cloned(),
            version: req.version(),
            is_head: *req.method() == Method::HEAD,
            is_connect: *req.method() == Method::CONNECT,
            is_over_budget: limit.is_over_budget,
            is_callers: limit.is_callers,
        }
    }

    /// Returns whether a response with this status makes the connection a
    /// tunnel.
    pub(super) fn is_tunnel(&self, status: StatusCode) -> bool {
        self.is_connect && status.is_success()
    }

    /// Returns whether the server sends no body with this status, whatever the
    /// response contains.
    pub(super) fn is_bodiless(&self, status: StatusCode) -> bool {
        self.is_head
            || self.is_tunnel(status)
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}
