//! Refusals that are about idempotency keys.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode};

use super::{
    reason::Reason,
    refusal::{Cause, Refusal, millis_up},
    refuse::BoxError,
};

impl Refusal {
    pub(crate) fn no_idempotency_key() -> Self {
        Self::because(Reason::NoIdempotencyKey)
    }

    pub(crate) fn bad_idempotency_key(source: BoxError) -> Self {
        Self::from_source(Reason::BadIdempotencyKey, source)
    }

    pub(crate) fn no_principal() -> Self {
        Self::because(Reason::NoPrincipal)
    }

    pub(crate) fn reused_idempotency_key() -> Self {
        Self::because(Reason::ReusedIdempotencyKey)
    }

    pub(crate) fn still_running(retry: Duration) -> Self {
        Self::because(Reason::StillRunning).again_in(retry)
    }

    pub(crate) fn overloaded(retry: Duration) -> Self {
        Self::because(Reason::Overloaded).again_in(retry)
    }

    fn again_in(self, retry: Duration) -> Self {
        Self {
            retry: NonZeroU32::new(millis_up(retry)),
            ..self
        }
    }

    pub(crate) fn unknown_outcome() -> Self {
        Self::because(Reason::UnknownOutcome)
    }

    /// Of the answer there is left what it was, and where.
    pub(crate) fn not_retained(status: StatusCode, location: Option<&HeaderValue>) -> Self {
        let location = location.and_then(|location| location.to_str().ok());
        Self {
            original: Some(status),
            subject: location.map(Arc::from),
            ..Self::because(Reason::NotRetained)
        }
    }

    pub(crate) fn store_unavailable(source: BoxError) -> Self {
        Self::from_store(Reason::StoreUnavailable, source)
    }

    pub(crate) fn body_too_large() -> Self {
        Self::because(Reason::BodyTooLarge)
    }

    pub(crate) fn bad_body(source: BoxError) -> Self {
        Self::from_source(Reason::BadBody, source)
    }

    /// Whether nothing of what was asked for was done. A deadline also ends what was
    /// begun.
    pub(crate) fn is_before_work(&self) -> bool {
        self.reason != Reason::DeadlineExceeded
    }

    fn from_source(reason: Reason, source: BoxError) -> Self {
        Self {
            cause: Cause::Error(Arc::new(source)),
            ..Self::because(reason)
        }
    }
}
