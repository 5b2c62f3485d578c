//! A request that was refused: why, by which limit, and for how long.

use std::{error::Error, num::NonZeroU32, sync::Arc, time::Duration};

use http::{Extensions, StatusCode};

use super::{origin::Origin, reason::Reason, refuse::BoxError};
use crate::limit::{Decision, Other, Others};

/// A request that a layer refused.
///
/// As an error it says what was refused and for how long. In a response that
/// [`Answer`] made, it is among the extensions, where layers further out find
/// it.
#[derive(Clone, Debug)]
pub struct Refusal {
    // As small as can be, because functions fail with it.
    pub(super) reason: Reason,
    /// Who chose the deadline that has passed.
    pub(super) chosen: Chosen,
    /// In how many milliseconds to come again, where that is not up to a limit.
    pub(super) retry: Option<NonZeroU32>,
    /// The status of an answer that was not kept.
    pub(super) original: Option<StatusCode>,
    /// The limit that was asked; or of an answer that was not kept, its location.
    pub(super) subject: Option<Arc<str>>,
    pub(super) cause: Cause,
    /// The request that it answers.
    pub(super) origin: Origin,
}

/// Who chose a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// It is that of the request, of which the layer that enforces it knows more.
    Unknown,
    ByCaller,
    ByServer,
}

/// What has led to a refusal.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    None,
    /// A limit, and what others beside it have said.
    Limit(Decision, Others),
    Error(Arc<BoxError>),
}

impl Refusal {
    pub(super) fn because(reason: Reason) -> Self {
        Self {
            reason,
            retry: None,
            original: None,
            subject: None,
            cause: Cause::None,
            origin: Origin::UNKNOWN,
            chosen: Chosen::Unknown,
        }
    }

    /// The same, as the answer to this request.
    pub(crate) fn answering(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same, as the answer to the request with these extensions, unless it knows its
    /// request. A layer that takes requests of any type cannot look into all of them.
    pub(super) fn answering_unless_known(self, extensions: &Extensions) -> Self {
        match self.origin.is_known() {
            true => self,
            false => self.answering(Origin::of(extensions)),
        }
    }

    pub(crate) fn over_limit(limiter: Arc<str>, decision: Decision, others: Others) -> Self {
        Self {
            subject: Some(limiter),
            cause: Cause::Limit(decision, others),
            ..Self::because(Reason::OverLimit)
        }
    }

    pub(crate) fn no_key() -> Self {
        Self::because(Reason::NoKey)
    }

    pub(crate) fn no_peer() -> Self {
        Self::because(Reason::NoPeer)
    }

    /// What there was to do was not done, or not begun, in time.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::because(Reason::DeadlineExceeded)
    }

    /// The same, if the deadline was the caller's, and shorter than the server's own. One
    /// that passed because of a [bound of the server's own](Self::by_bound) stays that.
    pub(crate) fn by_caller(mut self, is_callers: bool) -> Self {
        if is_callers && self.chosen == Chosen::Unknown {
            self.chosen = Chosen::ByCaller;
        }
        self
    }

    /// The same, if it was not the deadline of the request that passed, but one that a
    /// server has set for a call of its own.
    pub(crate) fn by_bound(mut self, is_own: bool) -> Self {
        if is_own {
            self.chosen = Chosen::ByServer;
        }
        self
    }

    /// Whether a deadline of the caller's, shorter than the server's own, has passed.
    pub(crate) fn is_callers_deadline(&self) -> bool {
        self.chosen == Chosen::ByCaller && self.reason == Reason::DeadlineExceeded
    }

    /// The request says until when in a way that cannot be read.
    pub(crate) fn bad_deadline(source: impl Into<BoxError>) -> Self {
        Self {
            cause: Cause::Error(Arc::new(source.into())),
            ..Self::because(Reason::BadDeadline)
        }
    }

    pub(crate) fn unavailable(limiter: Arc<str>, source: BoxError) -> Self {
        Self {
            subject: Some(limiter),
            ..Self::from_store(Reason::Unavailable, source)
        }
    }

    /// A store has no answer, and its error may say when it is worth asking again.
    pub(super) fn from_store(reason: Reason, source: BoxError) -> Self {
        let retry = retry_of(&*source).map(millis_up);
        Self {
            retry: retry.and_then(NonZeroU32::new),
            cause: Cause::Error(Arc::new(source)),
            ..Self::because(reason)
        }
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The name of the limit, if one was asked.
    pub fn limiter(&self) -> Option<&str> {
        self.subject.as_deref().filter(|_| self.original.is_none())
    }

    /// What the limit said, if one was asked.
    pub fn decision(&self) -> Option<&Decision> {
        match &self.cause {
            Cause::Limit(decision, _) => Some(decision),
            _ => None,
        }
    }

    /// What the limits beside that one have said, as of an
    /// [`All`](crate::limit::All); empty where the answer is not to tell of them.
    pub fn others(&self) -> Vec<Other> {
        match &self.cause {
            Cause::Limit(_, others) => others.list(),
            _ => Vec::new(),
        }
    }

    pub(super) fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.cause {
            Cause::Error(error) => Some(&***error),
            _ => None,
        }
    }

    /// After how long the same request would pass if nobody else came; `None`
    /// if that is unknown, or never. Where the [first one is still
    /// running](Reason::StillRunning), when it may have ended; where a store did not
    /// answer, when it is asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        let by_limit = self.decision().and_then(Decision::retry_after);
        by_limit.or_else(|| Some(Duration::from_millis(self.retry?.get().into())))
    }

    /// Whether the same request is refused at any time: it would have to be another
    /// request, or another server.
    #[cfg(feature = "grpc")]
    pub(super) fn is_for_good(&self) -> bool {
        match self.reason {
            Reason::OverLimit => self.retry_after().is_none(),
            Reason::NoKey | Reason::NoPeer | Reason::BadDeadline => true,
            Reason::NoIdempotencyKey | Reason::BadIdempotencyKey | Reason::NoPrincipal => true,
            Reason::ReusedIdempotencyKey | Reason::UnknownOutcome | Reason::NotRetained => true,
            Reason::BodyTooLarge => true,
            Reason::Unavailable | Reason::StoreUnavailable | Reason::StillRunning => false,
            Reason::Overloaded | Reason::DeadlineExceeded | Reason::BadBody => false,
        }
    }

    /// The status of the answer that was [not kept](Reason::NotRetained).
    pub fn original_status(&self) -> Option<StatusCode> {
        self.original
    }

    /// The `Location` of the answer that was [not kept](Reason::NotRetained), if it
    /// had one.
    pub fn original_location(&self) -> Option<&str> {
        self.subject.as_deref().filter(|_| self.original.is_some())
    }
}

/// In how long a store may answer again, if an error of Redis says so.
#[cfg(feature = "redis")]
fn retry_of(source: &(dyn Error + 'static)) -> Option<Duration> {
    let mut error = Some(source);
    while let Some(it) = error {
        if let Some(redis) = it.downcast_ref::<crate::redis::Error>() {
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

/// Whole milliseconds, at least 1.
pub(super) fn millis_up(time: Duration) -> u32 {
    let millis = time.as_micros().div_ceil(1_000);
    u32::try_from(millis).unwrap_or(u32::MAX).max(1)
}
