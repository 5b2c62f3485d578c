//! The answer of HTTP and gRPC, and its settings.

use std::fmt;

use http::StatusCode;

use super::{
    body::{NoText, Text},
    headers::Headers,
    reason::Reason,
};

/// Answers HTTP as HTTP, and gRPC and gRPC-Web as such (with the feature `grpc`).
///
/// | reason | HTTP | gRPC |
/// |---|---|---|
/// | over the limit | 429 with `Retry-After` and quota [`Headers`] | 8 `RESOURCE_EXHAUSTED` with `google.rpc.RetryInfo` and `grpc-retry-pushback-ms` |
/// | no key to limit by | 400 | 3 `INVALID_ARGUMENT` |
/// | the server does not know the client's address | 500 | 13 `INTERNAL` |
/// | the limiter could not decide | 503, from Redis with `Retry-After` | 14 `UNAVAILABLE`, from Redis with `grpc-retry-pushback-ms` |
/// | the deadline has passed | 504, or [503](Answer::late_as_unavailable) | 4 `DEADLINE_EXCEEDED` |
/// | a timeout that cannot be read | 400 | 13 `INTERNAL`, as grpc-go has it |
/// | no idempotency key, or a malformed one; a body that ended with an error | 400 | 3 `INVALID_ARGUMENT` |
/// | an idempotency key, and nobody whose it is | 401 | 16 `UNAUTHENTICATED` |
/// | an idempotency key of another request | 422, or [400](Answer::reuse_as_bad_request) | 9 `FAILED_PRECONDITION` |
/// | the first request is still running | 409 with `Retry-After` | 10 `ABORTED` with `grpc-retry-pushback-ms` |
/// | the outcome of the first request is unknown | 409 | 9 `FAILED_PRECONDITION` |
/// | the first answer was not kept | 409 | 6 `ALREADY_EXISTS` |
/// | the store of idempotency records has no answer | 503, from Redis with `Retry-After` | 14 `UNAVAILABLE`, from Redis with `grpc-retry-pushback-ms` |
/// | a body that is too large to compare | 413 | 8 `RESOURCE_EXHAUSTED` |
/// | too many bodies held at once | 503 with `Retry-After` | 14 `UNAVAILABLE` with `google.rpc.RetryInfo` and `grpc-retry-pushback-ms` |
///
/// `Retry-After` counts whole seconds, rounded up, at least 1; it is missing
/// where the request can never pass, or nobody knows when. In gRPC the pushback is
/// then -1, which forbids to retry, if no time would help: a request that can never
/// pass, or that would have to be another one. A gRPC answer is a trailers-only response
/// of HTTP status 200: clients would take a 429 for `UNAVAILABLE` and retry at
/// once. So is an answer to gRPC-Web, whose status a script in a browser can read if
/// CORS exposes the headers `grpc-status`, `grpc-message` and
/// `grpc-status-details-bin`.
///
/// An HTTP answer has a body of `application/problem+json` (RFC 9457), so the
/// inner service's response body has to be made from text: see [`FromText`](super::FromText),
/// which the bodies of axum, tonic and this crate's own layers implement, in any
/// order of the layers. With any other body the service does not compile until
/// the answer says how the body is made, or that it stays empty:
///
/// ```
/// use sluicegate::refusal::{Answer, Headers};
///
/// struct Page(String);
///
/// let answer = Answer::new().headers(Headers::Both).body(|json: String| Page(json));
/// let silent = Answer::new().without_body();
/// # let _: (Answer<_>, Answer<_>) = (answer, silent);
/// ```
///
/// Responses to admitted requests carry the quota headers too;
/// [`Headers::None`] leaves them untouched. Refusals carry the [`Refusal`](super::Refusal) among
/// their extensions, for layers further out; the [`Decision`](crate::limit::Decision) is in it. Responses
/// carry the decision itself if [asked to](Answer::with_decision).
///
/// Where one rate limit stands around another, the limit that refused speaks, or
/// else the tighter one: the one with the least remaining, or of two with as much
/// the one that is whole later. The lists of [`Headers::Ietf`] tell of both.
#[derive(Clone, Copy, Default)]
pub struct Answer<F = Text> {
    pub(super) headers: Headers,
    pub(super) with_decision: bool,
    late_as_unavailable: bool,
    reuse_as_bad_request: bool,
    pub(super) keys_described_by: Option<&'static str>,
    pub(super) fill: F,
}

impl Answer {
    /// With the IETF quota headers.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<F> Answer<F> {
    /// With other quota headers, or none.
    #[must_use]
    pub fn headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// With a body that a closure makes from the JSON text of a problem. For gRPC
    /// the text is empty.
    pub fn body<B, G: Fn(String) -> B>(self, fill: G) -> Answer<G> {
        self.filled_by(fill)
    }

    /// Without a body: every answer has the body type's default, and no content
    /// type.
    pub fn without_body(self) -> Answer<NoText> {
        self.filled_by(NoText)
    }

    fn filled_by<G>(self, fill: G) -> Answer<G> {
        Answer {
            headers: self.headers,
            with_decision: self.with_decision,
            late_as_unavailable: self.late_as_unavailable,
            reuse_as_bad_request: self.reuse_as_bad_request,
            keys_described_by: self.keys_described_by,
            fill,
        }
    }

    /// Puts the [`Decision`](crate::limit::Decision) among the extensions of responses: of several layers
    /// that do so, the one of the limit that speaks. Off unless asked for:
    /// extensions are kept on the heap.
    #[must_use]
    pub fn with_decision(self) -> Self {
        Self {
            with_decision: true,
            ..self
        }
    }

    /// Answers HTTP with 503 when the deadline has passed, for who takes a 504 to
    /// come from a gateway alone.
    #[must_use]
    pub fn late_as_unavailable(self) -> Self {
        Self {
            late_as_unavailable: true,
            ..self
        }
    }

    /// Answers HTTP with 400 when an idempotency key was used for another request,
    /// as Stripe does.
    #[must_use]
    pub fn reuse_as_bad_request(self) -> Self {
        Self {
            reuse_as_bad_request: true,
            ..self
        }
    }

    /// Where a service says how it wants idempotency keys: refusals that are about
    /// them carry a `Link` to this address, as
    /// draft-ietf-httpapi-idempotency-key-header-07 shows it (section 2.7).
    ///
    /// # Panics
    ///
    /// When it cannot stand in the header, because it is not all visible ASCII, or
    /// has a `>`.
    #[must_use]
    #[track_caller]
    pub fn keys_described_by(self, address: &'static str) -> Self {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'>';
        assert!(
            address.bytes().all(fits),
            "invalid address {address:?}: must be visible ASCII without a `>`"
        );
        Self {
            keys_described_by: Some(address),
            ..self
        }
    }

    pub(super) fn status(&self, reason: Reason) -> StatusCode {
        match reason {
            Reason::DeadlineExceeded if self.late_as_unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::ReusedIdempotencyKey if self.reuse_as_bad_request => StatusCode::BAD_REQUEST,
            reason => status(reason),
        }
    }
}

fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::OverLimit => StatusCode::TOO_MANY_REQUESTS,
        Reason::NoKey | Reason::BadDeadline => StatusCode::BAD_REQUEST,
        Reason::NoPeer => StatusCode::INTERNAL_SERVER_ERROR,
        Reason::NoIdempotencyKey | Reason::BadIdempotencyKey | Reason::BadBody => {
            StatusCode::BAD_REQUEST
        }
        Reason::NoPrincipal => StatusCode::UNAUTHORIZED,
        Reason::ReusedIdempotencyKey => StatusCode::UNPROCESSABLE_ENTITY,
        Reason::StillRunning | Reason::UnknownOutcome | Reason::NotRetained => StatusCode::CONFLICT,
        Reason::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::Unavailable | Reason::StoreUnavailable | Reason::Overloaded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Reason::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl<F> fmt::Debug for Answer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
