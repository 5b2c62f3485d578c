//! Why a request was refused, and what each protocol calls it.

use http::StatusCode;

/// Why a request was refused.
///
/// [`Answer`](super::Answer) has the table of statuses. Match on it to count
/// refusals or to answer some of them differently; more reasons may be added.
///
/// ```
/// use sluicegate::refusal::{Reason, Refusal};
///
/// /// Whether an operator should look at it.
/// fn is_our_fault(refusal: &Refusal) -> bool {
///     matches!(
///         refusal.reason(),
///         Reason::Unavailable | Reason::StoreUnavailable | Reason::NoPeer | Reason::Overloaded
///     )
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The request is over a limit of its rate, or its caller over [its
    /// own](crate::concurrency::ConcurrencyLayer::limit_of_caller) limit of
    /// requests in flight.
    OverLimit,
    /// The request carries no key to limit it by.
    NoKey,
    /// The limit needs the client's address, and the transport did not provide
    /// it: a mistake in how the server was set up. See
    /// [`ClientIp`](crate::key::ClientIp).
    NoPeer,
    /// The limiter could not decide.
    Unavailable,
    /// The deadline of the request has passed.
    DeadlineExceeded,
    /// The request has a timeout that cannot be parsed.
    BadDeadline,
    /// The request needs an idempotency key and has none.
    NoIdempotencyKey,
    /// The idempotency key of the request cannot be parsed.
    BadIdempotencyKey,
    /// The request has an idempotency key, but no principal to scope it.
    NoPrincipal,
    /// The idempotency key was used for a different request.
    ReusedIdempotencyKey,
    /// The first request with this idempotency key is still running.
    StillRunning,
    /// The first request with this idempotency key was started, and its outcome
    /// is unknown.
    UnknownOutcome,
    /// The request was already answered, and its response was not stored.
    NotRetained,
    /// The store of idempotency records did not answer.
    StoreUnavailable,
    /// The request has an idempotency key, and its body is too large to
    /// compare.
    BodyTooLarge,
    /// The request has an idempotency key, and its body ended with an error.
    BadBody,
    /// The server is overloaded: a limit of [concurrency](crate::concurrency)
    /// gave no permit, or the memory for the bodies of requests with an
    /// idempotency key is used up, or a client throttles calls to a server that
    /// refuses them.
    Overloaded,
    /// The server [drains](crate::drain), and the request came too late. No
    /// part of its work was done, so it may be sent to another server at once.
    Draining,
    /// The server [drains](crate::drain), and the request was still running when
    /// its time was over. Parts of its work may have been done.
    Aborted,
}

impl Reason {
    /// Returns the status of an HTTP response, unless an
    /// [`Answer`](super::Answer) was told to use another one.
    pub(super) fn http_status(self) -> StatusCode {
        match self {
            Self::OverLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::NoKey | Self::BadDeadline => StatusCode::BAD_REQUEST,
            Self::NoIdempotencyKey | Self::BadIdempotencyKey => StatusCode::BAD_REQUEST,
            Self::BadBody => StatusCode::BAD_REQUEST,
            Self::NoPeer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoPrincipal => StatusCode::UNAUTHORIZED,
            Self::ReusedIdempotencyKey => StatusCode::UNPROCESSABLE_ENTITY,
            Self::StillRunning | Self::UnknownOutcome => StatusCode::CONFLICT,
            Self::NotRetained => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Overloaded | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Aborted => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Returns the status code of a gRPC response.
    #[cfg(feature = "grpc")]
    pub(super) fn grpc_code(self) -> i32 {
        match self {
            Self::NoKey | Self::NoIdempotencyKey | Self::BadIdempotencyKey | Self::BadBody => 3,
            Self::DeadlineExceeded => 4,
            Self::NotRetained => 6,
            Self::OverLimit | Self::BodyTooLarge => 8,
            Self::ReusedIdempotencyKey | Self::UnknownOutcome => 9,
            Self::StillRunning => 10,
            // grpc-go answers a timeout that it cannot parse with 13 as well.
            Self::BadDeadline | Self::NoPeer => 13,
            Self::Unavailable | Self::StoreUnavailable | Self::Overloaded => 14,
            Self::Draining | Self::Aborted => 14,
            Self::NoPrincipal => 16,
        }
    }

    /// Returns the name of a problem with idempotency keys, which is also an
    /// anchor in the docs of `idempotency`; `None` for other problems.
    pub(super) fn key_problem(self) -> Option<&'static str> {
        Some(match self {
            Self::NoIdempotencyKey => "key-missing",
            Self::BadIdempotencyKey => "key-malformed",
            Self::NoPrincipal => "principal-missing",
            Self::ReusedIdempotencyKey => "key-reused",
            Self::StillRunning => "still-running",
            Self::UnknownOutcome => "outcome-unknown",
            Self::NotRetained => "response-not-retained",
            Self::StoreUnavailable => "store-unavailable",
            Self::BodyTooLarge => "body-too-large",
            Self::BadBody => "body-unreadable",
            Self::Overloaded => "overloaded",
            _ => return None,
        })
    }
}
