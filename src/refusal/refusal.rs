//! The refusal itself: why a request was refused, by which limit, and for how
//! long. All layers that refuse make one.

use std::{error::Error, num::NonZeroU32, sync::Arc, time::Duration};

#[cfg(feature = "idempotency")]
use http::HeaderValue;
use http::{Extensions, StatusCode};

use super::{
    origin::{Origin, PassedRequest},
    reason::Reason,
};
#[cfg(feature = "grpc")]
use crate::limit::Denial;
use crate::{
    concurrency::Shed,
    error::BoxError,
    limit::{Decision, Other, Others},
};

/// A request that a layer refused.
///
/// As an error it says why the request was refused, and when to retry. A
/// response that an [`Answer`](super::Answer) made has it among its extensions,
/// for layers further out:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::{Reason, Refusal}};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
/// let service = RateLimitLayer::new(limiter).layer(service_fn(|_: Request<()>| async {
///     Ok::<_, Infallible>(Response::new(String::new()))
/// }));
///
/// service.clone().oneshot(Request::new(())).await.unwrap();
/// let refused = service.oneshot(Request::new(())).await.unwrap();
/// let refusal: &Refusal = refused.extensions().get().unwrap();
/// assert_eq!(refusal.reason(), Reason::OverLimit);
/// assert_eq!(refusal.limiter(), Some("default"));
/// assert_eq!(refusal.to_string(), "over the limit `default`, retry after 60 s");
/// # }
/// ```
///
/// Clones are cheap: an error is behind an [`Arc`].
#[derive(Clone, Debug)]
pub struct Refusal {
    // Small, because functions return it as an error.
    pub(super) reason: Reason,
    /// Whose deadline has passed.
    pub(super) deadline_owner: DeadlineOwner,
    /// The milliseconds until a retry, unless the limit says so itself.
    pub(super) retry: Option<NonZeroU32>,
    /// The status of a response that was not stored.
    pub(super) original: Option<StatusCode>,
    /// The name of the limit, or the location of a response that was not
    /// stored.
    pub(super) subject: Option<Arc<str>>,
    pub(super) source: RefusalSource,
    /// Identifies the request that was refused.
    pub(super) origin: Origin,
}

/// Whose deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeadlineOwner {
    /// That of the request; the layer that enforces it knows who chose it.
    Unknown,
    Caller,
    Server,
}

/// The decision or the error that led to a refusal.
#[derive(Clone, Debug)]
pub(super) enum RefusalSource {
    None,
    /// The decision of the limit, and those of the other limits of an `All`.
    Limit(Decision, Others),
    Error(Arc<BoxError>),
    /// The reason of a limit of concurrency.
    Shed(Shed),
}

impl Refusal {
    /// Creates a refusal that has nothing but a reason.
    pub(crate) fn because(reason: Reason) -> Self {
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

    /// Creates a refusal with the error that led to it.
    pub(crate) fn from_error(reason: Reason, source: BoxError) -> Self {
        Self {
            source: RefusalSource::Error(Arc::new(source)),
            ..Self::because(reason)
        }
    }

    /// A store did not answer. Its error may say when to retry.
    pub(crate) fn from_store(reason: Reason, source: BoxError) -> Self {
        let retry = retry_of(&*source).map(millis_up);
        Self {
            retry: retry.and_then(NonZeroU32::new),
            ..Self::from_error(reason, source)
        }
    }

    /// Creates a refusal that says when to retry, in whole milliseconds,
    /// rounded up.
    #[cfg(feature = "idempotency")]
    pub(crate) fn later(reason: Reason, retry: Duration) -> Self {
        Self {
            retry: NonZeroU32::new(millis_up(retry)),
            ..Self::because(reason)
        }
    }

    /// Sets the request that this refusal answers.
    pub(crate) fn answering(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Sets the request with these extensions as the one that this refusal
    /// answers, unless it is known. A layer that takes requests of any type
    /// cannot read all of their extensions.
    pub(super) fn answering_unless_known(self, extensions: &Extensions) -> Self {
        match self.origin.is_known() {
            true => self,
            false => self.answering(Origin::of(extensions)),
        }
    }

    /// Returns whether this refusal answers the request that was passed on;
    /// `None` if it does not know which request it answers.
    pub(crate) fn answers(&self, passed: &PassedRequest) -> Option<bool> {
        let is_known = self.origin.is_known();
        is_known.then(|| passed.is_origin(self.origin))
    }

    /// The limit denied the request.
    pub(crate) fn over_limit(limiter: Arc<str>, decision: Decision, others: Others) -> Self {
        Self {
            subject: Some(limiter),
            source: RefusalSource::Limit(decision, others),
            ..Self::because(Reason::OverLimit)
        }
    }

    /// A limit of concurrency gave no permit. Without a time, clients must not
    /// retry.
    pub(crate) fn shed(limiter: Arc<str>, shed: Shed, retry: Option<Duration>) -> Self {
        Self {
            subject: Some(limiter),
            retry: retry.map(millis_up).and_then(NonZeroU32::new),
            source: RefusalSource::Shed(shed),
            ..Self::because(Reason::Overloaded)
        }
    }

    /// Notes that the limit of concurrency is the caller's own, so that the
    /// server is not overloaded.
    pub(crate) fn of_own_limit(self) -> Self {
        let reason = Reason::OverLimit;
        Self { reason, ..self }
    }

    /// Returns whether the request was refused because its caller has as many
    /// requests in flight as it may have.
    pub(crate) fn is_of_own_limit(&self) -> bool {
        self.reason == Reason::OverLimit && self.shed_by().is_some()
    }

    /// The work was not finished, or not started, in time.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::because(Reason::DeadlineExceeded)
    }

    /// Notes whether the caller chose the deadline, which is then shorter than
    /// the server's own. A refusal [by a bound](Self::by_bound) stays the
    /// server's.
    pub(crate) fn by_caller(mut self, is_callers: bool) -> Self {
        if is_callers && self.deadline_owner == DeadlineOwner::Unknown {
            self.deadline_owner = DeadlineOwner::Caller;
        }
        self
    }

    /// Notes whether the deadline was not the request's, but a bound that the
    /// server set for a call of its own.
    pub(crate) fn by_bound(mut self, is_own: bool) -> Self {
        if is_own {
            self.deadline_owner = DeadlineOwner::Server;
        }
        self
    }

    /// Returns whether a deadline has passed that the caller chose, and that
    /// was shorter than the server's own.
    pub(crate) fn is_callers_deadline(&self) -> bool {
        self.deadline_owner == DeadlineOwner::Caller && self.reason == Reason::DeadlineExceeded
    }

    /// Returns whether a bound has passed that this process set for a call of
    /// its own.
    #[cfg(feature = "client")]
    pub(crate) fn is_own_bound(&self) -> bool {
        self.deadline_owner == DeadlineOwner::Server
    }

    /// The request has a timeout that cannot be parsed.
    pub(crate) fn bad_deadline(source: impl Into<BoxError>) -> Self {
        Self::from_error(Reason::BadDeadline, source.into())
    }

    /// The limiter could not decide, and its policy is to refuse.
    pub(crate) fn unavailable(limiter: Arc<str>, source: BoxError) -> Self {
        Self {
            subject: Some(limiter),
            ..Self::from_store(Reason::Unavailable, source)
        }
    }

    /// The response was not stored; its status and its location were.
    #[cfg(feature = "idempotency")]
    pub(crate) fn not_retained(status: StatusCode, location: Option<&HeaderValue>) -> Self {
        let location = location.and_then(|location| location.to_str().ok());
        Self {
            original: Some(status),
            subject: location.map(Arc::from),
            ..Self::because(Reason::NotRetained)
        }
    }

    /// Returns whether the work has certainly not started. A deadline, and the
    /// abort of a drain, also end work that has.
    #[cfg(feature = "idempotency")]
    pub(crate) fn is_before_work(&self) -> bool {
        !matches!(self.reason, Reason::DeadlineExceeded | Reason::Aborted)
    }

    /// Returns why the request was refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the name of the limit, if a limit refused the request.
    pub fn limiter(&self) -> Option<&str> {
        self.subject.as_deref().filter(|_| self.original.is_none())
    }

    /// Returns the decision of the limit, if a limit refused the request.
    pub fn decision(&self) -> Option<&Decision> {
        match &self.source {
            RefusalSource::Limit(decision, _) => Some(decision),
            _ => None,
        }
    }

    /// Returns why a limit of concurrency gave no permit, if one refused the
    /// request.
    pub fn shed_by(&self) -> Option<Shed> {
        match self.source {
            RefusalSource::Shed(shed) => Some(shed),
            _ => None,
        }
    }

    /// Returns whether clients are told not to retry an overloaded service.
    pub(super) fn forbids_retry(&self) -> bool {
        self.shed_by().is_some() && self.retry.is_none()
    }

    /// Returns the name of the problem with idempotency keys that this is.
    pub(super) fn key_problem(&self) -> Option<&'static str> {
        // A limit of concurrency is overloaded as well, and has no keys.
        let problem = self.reason.key_problem();
        problem.filter(|_| self.shed_by().is_none())
    }

    /// Returns the decisions of the other limits, as in an
    /// [`All`](crate::limit::All). Empty if the response is not to mention them.
    pub fn others(&self) -> Vec<Other> {
        match &self.source {
            RefusalSource::Limit(_, others) => others.list(),
            _ => Vec::new(),
        }
    }

    /// Returns the error that led to the refusal.
    pub(super) fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.source {
            RefusalSource::Error(error) => Some(&***error),
            RefusalSource::Shed(shed) => Some(shed),
            _ => None,
        }
    }

    /// Returns the time until a retry is worthwhile; `None` if that is unknown
    /// or no retry would pass.
    ///
    /// For a limit, it is the time after which the same request passes if no
    /// other request comes first. For a request whose first attempt is [still
    /// running](Reason::StillRunning), it is when that attempt may have ended;
    /// for a store that did not answer, when it is asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        let by_limit = self.decision().and_then(Decision::retry_after);
        by_limit.or_else(|| Some(Duration::from_millis(self.retry?.get().into())))
    }

    /// Returns why the limit denied the request.
    #[cfg(feature = "grpc")]
    pub(super) fn denial(&self) -> Option<Denial> {
        self.decision().and_then(Decision::denial)
    }

    /// Returns whether the same request would be refused at any time, because
    /// the request or the server has to change first.
    #[cfg(feature = "grpc")]
    pub(super) fn is_for_good(&self) -> bool {
        match self.reason {
            Reason::OverLimit => self.denial() == Some(Denial::NeverFits) || self.forbids_retry(),
            Reason::NoKey | Reason::NoPeer | Reason::BadDeadline => true,
            Reason::NoIdempotencyKey | Reason::BadIdempotencyKey | Reason::NoPrincipal => true,
            Reason::ReusedIdempotencyKey | Reason::UnknownOutcome | Reason::NotRetained => true,
            Reason::BodyTooLarge => true,
            Reason::Unavailable | Reason::StoreUnavailable | Reason::StillRunning => false,
            Reason::Overloaded => self.forbids_retry(),
            Reason::DeadlineExceeded | Reason::BadBody => false,
            Reason::Draining | Reason::Aborted => false,
        }
    }

    /// Returns the status of the response that was [not
    /// stored](Reason::NotRetained).
    pub fn original_status(&self) -> Option<StatusCode> {
        self.original
    }

    /// Returns the `Location` of the response that was [not
    /// stored](Reason::NotRetained), if it had one.
    pub fn original_location(&self) -> Option<&str> {
        self.subject.as_deref().filter(|_| self.original.is_some())
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
