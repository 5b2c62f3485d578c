//! Why a request was refused.

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is over the limit.
    OverLimit,
    /// It carries nothing to limit it by.
    NoKey,
    /// It is limited by the client's address, and the transport has not told it: a
    /// mistake in how the server was set up. See [`ClientIp`](crate::key::ClientIp).
    NoPeer,
    /// The limiter could not decide.
    Unavailable,
    /// The deadline of the request has passed.
    DeadlineExceeded,
    /// A timeout that the request brings along cannot be read.
    BadDeadline,
    /// It has no idempotency key, and needs one.
    NoIdempotencyKey,
    /// Its idempotency key cannot be read.
    BadIdempotencyKey,
    /// It has an idempotency key, and does not say whose that is.
    NoPrincipal,
    /// Its idempotency key has been used for another request.
    ReusedIdempotencyKey,
    /// The first request with its idempotency key is still running.
    StillRunning,
    /// The first request with its idempotency key was begun, and nobody knows how
    /// that ended.
    UnknownOutcome,
    /// It was answered before, and the answer was not kept.
    NotRetained,
    /// The store of idempotency records has no answer.
    StoreUnavailable,
    /// It has an idempotency key, and its body is too large to compare.
    BodyTooLarge,
    /// It has an idempotency key, and its body ended with an error.
    BadBody,
    /// It has an idempotency key, and as many bytes of bodies are held as may be.
    Overloaded,
}
