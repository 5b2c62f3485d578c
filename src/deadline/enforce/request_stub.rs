//! The parts of a request that decide how it is answered.

use http::{HeaderValue, Request, Version, header::CONTENT_TYPE};

use super::entry::TimeLimit;
use crate::content::BodyAllowed;

/// The parts of a request that decide how it is answered, kept while the
/// handler has the request.
pub(super) struct RequestStub {
    pub(super) content_type: Option<HeaderValue>,
    pub(super) version: Version,
    /// Whether the method allows the response to have a body.
    pub(super) body: BodyAllowed,
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
            body: BodyAllowed::to(req.method()),
            is_over_budget: limit.is_over_budget,
            is_callers: limit.is_callers,
        }
    }
}
