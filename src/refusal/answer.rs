//! The default way to answer a refused request, and its settings. `response`
//! has the code that writes responses.

use std::fmt;

use http::StatusCode;

use super::{
    body::{NoText, Text},
    headers::Headers,
    reason::Reason,
};

/// Answers HTTP requests with an HTTP status, and gRPC and gRPC-Web requests
/// with a gRPC status (with the feature `grpc`).
///
/// | reason | HTTP | gRPC |
/// |---|---|---|
/// | over the limit | 429 with `Retry-After` and quota [`Headers`] | 8 `RESOURCE_EXHAUSTED` with `google.rpc.RetryInfo` and `grpc-retry-pushback-ms` |
/// | the caller's [own limit](crate::concurrency::ConcurrencyLayer::limit_of_caller) of requests in flight | 429 with `Retry-After` | 8 `RESOURCE_EXHAUSTED` with `google.rpc.RetryInfo` and `grpc-retry-pushback-ms` |
/// | no key to limit by | 400 | 3 `INVALID_ARGUMENT` |
/// | the server does not know the client's address | 500 | 13 `INTERNAL` |
/// | the limiter could not decide | 503, from Redis with `Retry-After` | 14 `UNAVAILABLE`, from Redis with `grpc-retry-pushback-ms` |
/// | the deadline has passed | 504, or [503](Answer::late_as_unavailable) | 4 `DEADLINE_EXCEEDED` |
/// | a malformed timeout | 400 | 13 `INTERNAL`, like grpc-go |
/// | no idempotency key, or a malformed one; a body that ended with an error | 400 | 3 `INVALID_ARGUMENT` |
/// | an idempotency key without a principal | 401 | 16 `UNAUTHENTICATED` |
/// | an idempotency key of a different request | 422, or [400](Answer::reuse_as_bad_request) | 9 `FAILED_PRECONDITION` |
/// | the first request is still running | 409 with `Retry-After` | 10 `ABORTED` with `grpc-retry-pushback-ms` |
/// | the outcome of the first request is unknown | 409 | 9 `FAILED_PRECONDITION` |
/// | the first response was not stored | 409 | 6 `ALREADY_EXISTS` |
/// | the store of idempotency records did not answer | 503, from Redis with `Retry-After` | 14 `UNAVAILABLE`, from Redis with `grpc-retry-pushback-ms` |
/// | a body that is too large to compare | 413 | 8 `RESOURCE_EXHAUSTED` |
/// | the server drains, and the request came too late | 503 | 14 `UNAVAILABLE` with a pushback of 0: retry elsewhere at once |
/// | a drain aborted the request | 503 | 14 `UNAVAILABLE` |
/// | overloaded, such as by requests in flight | 503 with `Retry-After` | 14 `UNAVAILABLE` with `google.rpc.RetryInfo` and `grpc-retry-pushback-ms` |
/// | overloaded as a whole fleet | 503 with `x-sluicegate-retry: no` | 14 `UNAVAILABLE` with `grpc-retry-pushback-ms` of -1 |
///
/// # Retries
///
/// `Retry-After` counts whole seconds, rounded up, at least 1. It is missing if
/// the request can never pass, or if the time is unknown. For a request that
/// can never pass, or that has to change first, gRPC gets a pushback of -1,
/// which forbids a retry.
///
/// # gRPC
///
/// A gRPC response is trailers-only with HTTP status 200, because clients would
/// take a 429 for `UNAVAILABLE` and retry at once. A response to gRPC-Web is
/// the same. A script in a browser can read it if CORS exposes the headers
/// `grpc-status`, `grpc-message` and `grpc-status-details-bin`.
///
/// # Bodies
///
/// An HTTP response has a body of `application/problem+json` (RFC 9457), so the
/// inner service's response body has to implement
/// [`FromText`](super::FromText). The bodies of axum, tonic and this crate's own
/// layers do, in any order of the layers. With any other body, say how the body
/// is made, or that it stays empty:
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
/// # Headers and extensions
///
/// Responses to admitted requests carry the quota headers too;
/// [`Headers::None`] leaves them out. A refused response has the
/// [`Refusal`](super::Refusal), and the [`Decision`](crate::limit::Decision) in
/// it, among its extensions, for layers further out. Admitted responses have
/// the decision as well [if you want](Answer::with_decision).
///
/// With one rate limit around another, the headers that have room for one limit
/// name the limit that refused. If none refused, they name the tighter limit:
/// the one with the least remaining, or of two with the same remaining, the one
/// that resets later. The lists of [`Headers::Ietf`] contain both.
#[derive(Clone, Copy, Default)]
pub struct Answer<F = Text> {
    pub(super) options: AnswerOptions,
    /// Makes the bodies: a closure, [`Text`] or [`NoText`].
    pub(super) fill: F,
}

/// The settings that do not depend on the body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnswerOptions {
    pub(super) headers: Headers,
    /// Whether responses have the decision among their extensions.
    pub(super) with_decision: bool,
    late_as_unavailable: bool,
    reuse_as_bad_request: bool,
    /// The address of a page about idempotency keys.
    pub(super) keys_described_by: Option<&'static str>,
}

impl Answer {
    /// Creates an answer with the IETF quota headers.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<F> Answer<F> {
    /// Sets which quota headers responses carry.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::convert::Infallible;
    /// use http::{Request, Response};
    /// use sluicegate::{
    ///     limit::{Local, Quota, RateLimitLayer, TokenBucket},
    ///     refusal::{Answer, Headers},
    /// };
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_minute(60).burst(20)));
    /// let layer = RateLimitLayer::new(limiter).refuse_with(Answer::new().headers(Headers::Both));
    /// let service = layer.layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, Infallible>(Response::new(String::new()))
    /// }));
    ///
    /// let response = service.oneshot(Request::new(())).await.unwrap();
    /// assert_eq!(response.headers()["ratelimit-policy"], r#""default";q=20;w=20"#);
    /// assert_eq!(response.headers()["ratelimit"], r#""default";r=19;t=1"#);
    /// assert_eq!(response.headers()["x-ratelimit-remaining"], "19");
    /// # }
    /// ```
    #[must_use]
    pub fn headers(self, headers: Headers) -> Self {
        self.with(|options| options.headers = headers)
    }

    /// Makes bodies with a closure from the JSON text of the problem. The text
    /// is empty for gRPC.
    pub fn body<B, G: Fn(String) -> B>(self, fill: G) -> Answer<G> {
        let options = self.options;
        Answer { options, fill }
    }

    /// Leaves bodies empty: a response has the `Default` of its body type, and
    /// no content type.
    pub fn without_body(self) -> Answer<NoText> {
        let (options, fill) = (self.options, NoText);
        Answer { options, fill }
    }

    /// Puts the [`Decision`](crate::limit::Decision) among the extensions of
    /// responses. If several layers do, it is the decision of the limit that
    /// the headers name. Off by default, because extensions are on the heap.
    #[must_use]
    pub fn with_decision(self) -> Self {
        self.with(|options| options.with_decision = true)
    }

    /// Answers with 503 instead of 504 when the deadline has passed, because
    /// some clients expect a 504 only from a gateway.
    #[must_use]
    pub fn late_as_unavailable(self) -> Self {
        self.with(|options| options.late_as_unavailable = true)
    }

    /// Answers with 400 instead of 422 when an idempotency key was used for a
    /// different request, like Stripe.
    #[must_use]
    pub fn reuse_as_bad_request(self) -> Self {
        self.with(|options| options.reuse_as_bad_request = true)
    }

    /// Sets the address of a page that documents how the service uses
    /// idempotency keys. Refusals that are about keys carry a `Link` to it, as
    /// in draft-ietf-httpapi-idempotency-key-header-07, section 2.7.
    ///
    /// ```
    /// use sluicegate::refusal::Answer;
    ///
    /// let answer = Answer::new().keys_described_by("https://api.example/docs/retries");
    /// # let _ = answer;
    /// ```
    ///
    /// # Panics
    ///
    /// If the address contains anything but visible ASCII, or a `>`.
    #[must_use]
    #[track_caller]
    pub fn keys_described_by(self, address: &'static str) -> Self {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'>';
        assert!(
            address.bytes().all(fits),
            "invalid address {address:?}: must be visible ASCII without a `>`"
        );
        self.with(|options| options.keys_described_by = Some(address))
    }

    fn with(mut self, set: impl FnOnce(&mut AnswerOptions)) -> Self {
        set(&mut self.options);
        self
    }

    /// Returns the status of an HTTP response.
    pub(super) fn status(&self, reason: Reason) -> StatusCode {
        match reason {
            Reason::DeadlineExceeded if self.options.late_as_unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Reason::ReusedIdempotencyKey if self.options.reuse_as_bad_request => {
                StatusCode::BAD_REQUEST
            }
            reason => reason.http_status(),
        }
    }
}

impl<F> fmt::Debug for Answer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
