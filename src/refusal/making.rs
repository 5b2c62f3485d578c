//! How layers make refusals.

use std::{error::Error, num::NonZeroU32, sync::Arc, time::Duration};

use http::Extensions;
#[cfg(feature = "idempotency")]
use http::{HeaderValue, StatusCode};

use super::{
    origin::Origin,
    reason::Reason,
    refusal::{DeadlineOwner, Refusal, RefusalDetails, RefusalSource},
};
use crate::{
    concurrency::Shed,
    error::BoxError,
    limit::{Decision, Others},
};

impl Refusal {
    /// Creates a refusal that has nothing but a reason.
    pub(crate) fn because(reason: Reason) -> Self {
        Self::of(RefusalDetails::because(reason))
    }

    fn of(details: RefusalDetails) -> Self {
        Self(Box::new(details))
    }

    /// Creates a refusal with the error that led to it.
    pub(crate) fn from_error(reason: Reason, source: BoxError) -> Self {
        Self::of(RefusalDetails {
            source: RefusalSource::Error(Arc::new(source)),
            ..RefusalDetails::because(reason)
        })
    }

    /// A store did not answer. Its error may say when to retry.
    pub(crate) fn from_store(reason: Reason, source: BoxError) -> Self {
        let retry = retry_of(&*source).map(millis_up);
        let mut refusal = Self::from_error(reason, source);
        refusal.0.retry = retry.and_then(NonZeroU32::new);
        refusal
    }

    /// Creates a refusal that says when to retry, in whole milliseconds,
    /// rounded up.
    #[cfg(feature = "idempotency")]
    pub(crate) fn later(reason: Reason, retry: Duration) -> Self {
        Self::of(RefusalDetails {
            retry: NonZeroU32::new(millis_up(retry)),
            ..RefusalDetails::because(reason)
        })
    }

    /// Sets the request that this refusal answers.
    pub(crate) fn answering(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// Sets the request with these extensions as the one that this refusal
    /// answers, unless it is known. A layer that takes requests of any type
    /// cannot read all of their extensions.
    pub(super) fn answering_unless_known(self, extensions: &Extensions) -> Self {
        match self.0.origin.is_known() {
            true => self,
            false => self.answering(Origin::of(extensions)),
        }
    }

    /// The limit denied the request.
    pub(crate) fn over_limit(limiter: Arc<str>, decision: Decision, others: Others) -> Self {
        Self::of(RefusalDetails {
            subject: Some(limiter),
            source: RefusalSource::Limit(decision, others),
            ..RefusalDetails::because(Reason::OverLimit)
        })
    }

    /// A limit of concurrency gave no permit. Without a time, clients must not
    /// retry.
    pub(crate) fn shed(limiter: Arc<str>, shed: Shed, retry: Option<Duration>) -> Self {
        Self::of(RefusalDetails {
            subject: Some(limiter),
            retry: retry.map(millis_up).and_then(NonZeroU32::new),
            source: RefusalSource::Shed(shed),
            ..RefusalDetails::because(Reason::Overloaded)
        })
    }

    /// Notes that the limit of concurrency is the caller's own, so that the
    /// server is not overloaded.
    pub(crate) fn of_own_limit(mut self) -> Self {
        self.0.reason = Reason::OverLimit;
        self
    }

    /// The work was not finished, or not started, in time.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::because(Reason::DeadlineExceeded)
    }

    /// Notes whether the caller chose the deadline, which is then shorter than
    /// the server's own. A refusal [by a bound](Self::by_bound) stays the
    /// server's.
    pub(crate) fn by_caller(mut self, is_callers: bool) -> Self {
        if is_callers && self.0.deadline_owner == DeadlineOwner::Unknown {
            self.0.deadline_owner = DeadlineOwner::Caller;
        }
        self
    }

    /// Notes whether the deadline was not the request's, but a bound that the
    /// server set for a call of its own.
    pub(crate) fn by_bound(mut self, is_own: bool) -> Self {
        if is_own {
            self.0.deadline_owner = DeadlineOwner::Server;
        }
        self
    }

    /// The request has a timeout that cannot be parsed.
    pub(crate) fn bad_deadline(source: impl Into<BoxError>) -> Self {
        Self::from_error(Reason::BadDeadline, source.into())
    }

    /// The limiter could not decide, and its policy is to refuse.
    pub(crate) fn unavailable(limiter: Arc<str>, source: BoxError) -> Self {
        let mut refusal = Self::from_store(Reason::Unavailable, source);
        refusal.0.subject = Some(limiter);
        refusal
    }

    /// The response was not stored; its status and its location were.
    #[cfg(feature = "idempotency")]
    pub(crate) fn not_retained(status: StatusCode, location: Option<&HeaderValue>) -> Self {
        let location = location.and_then(|location| location.to_str().ok());
        Self::of(RefusalDetails {
            original: Some(status),
            subject: location.map(Arc::from),
            ..RefusalDetails::because(Reason::NotRetained)
        })
    }
}

impl RefusalDetails {
    fn because(reason: Reason) -> Self {
        Self {
            reason,
            retry: None,
            original: None,
            subject: None,
            source: RefusalSource::None,
            origin: Origin::UNKNOWN,
            deadline_owner: DeadlineOwner::Unknown,
        }
    }
}

/// Returns when a store may answer again, if an error of Redis in the chain
/// says so.
#[cfg(feature = "redis")]
fn retry_of(source: &(dyn Error + 'static)) -> Option<Duration> {
    let mut error = Some(source);
    while let Some(it) = error {
        if let Some(redis) = it.downcast_ref::<crate::redis::Error>() {
            // The breaker knows when it lets the next call through.
            return redis.retry_after();
        }
        error = it.source();
    }
    None
}

#[cfg(not(feature = "redis"))]
fn retry_of(_source: &(dyn Error + 'static)) -> Option<Duration> {
    None
}

/// Returns whole milliseconds, rounded up, at least 1.
fn millis_up(time: Duration) -> u32 {
    let millis = time.as_micros().div_ceil(1_000);
    u32::try_from(millis).unwrap_or(u32::MAX).max(1)
}
