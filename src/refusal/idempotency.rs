//! Refusals that are about idempotency keys. The layer of `idempotency` makes
//! them.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode};

use super::{reason::Reason, refusal::Refusal};
use crate::error::BoxError;

impl Refusal {
    /// The layer requires a key, and the request has none.
    pub(crate) fn no_idempotency_key() -> Self {
        Self::because(Reason::NoIdempotencyKey)
    }

    /// The key cannot be parsed. The text of the error is the text of the
    /// refusal.
    pub(crate) fn bad_idempotency_key(source: BoxError) -> Self {
        Self::from_error(Reason::BadIdempotencyKey, source)
    }

    /// The request has a key, but no principal to scope it.
    pub(crate) fn no_principal() -> Self {
        Self::because(Reason::NoPrincipal)
    }

    /// The key has a record with a different fingerprint.
    pub(crate) fn reused_idempotency_key() -> Self {
        Self::because(Reason::ReusedIdempotencyKey)
    }

    /// The first request still holds the lease of the key. `retry` is when it
    /// may have ended.
    pub(crate) fn still_running(retry: Duration) -> Self {
        Self::because(Reason::StillRunning).with_retry(Some(retry))
    }

    /// The memory for request bodies is used up.
    pub(crate) fn overloaded(retry: Duration) -> Self {
        Self::because(Reason::Overloaded).with_retry(Some(retry))
    }

    /// The lease of the first request has lapsed, and takeover is not allowed.
    pub(crate) fn unknown_outcome() -> Self {
        Self::because(Reason::UnknownOutcome)
    }

    /// The response was not stored; its status and its location were.
    pub(crate) fn not_retained(status: StatusCode, location: Option<&HeaderValue>) -> Self {
        let location = location.and_then(|location| location.to_str().ok());
        Self {
            original: Some(status),
            subject: location.map(Arc::from),
            ..Self::because(Reason::NotRetained)
        }
    }

    /// The store of records did not answer.
    pub(crate) fn store_unavailable(source: BoxError) -> Self {
        Self::from_store(Reason::StoreUnavailable, source)
    }

    /// The body is larger than the layer compares.
    pub(crate) fn body_too_large() -> Self {
        Self::because(Reason::BodyTooLarge)
    }

    /// The body ended with an error while it was read for the fingerprint.
    pub(crate) fn bad_body(source: BoxError) -> Self {
        Self::from_error(Reason::BadBody, source)
    }

    /// Returns whether the work has certainly not started. A deadline also ends
    /// work that has.
    pub(crate) fn is_before_work(&self) -> bool {
        self.reason != Reason::DeadlineExceeded
    }
}
