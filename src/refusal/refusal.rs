//! The refusal itself: why a request was refused, by which limit, and for how
//! long. All layers that refuse make one.

use std::{error::Error, num::NonZeroU32, sync::Arc, time::Duration};

use http::StatusCode;

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
/// It is as small as a pointer, because functions return it as an error.
#[derive(Clone, Debug)]
pub struct Refusal(pub(super) Box<RefusalDetails>);

/// The parts of a refusal.
#[derive(Clone, Debug)]
pub(super) struct RefusalDetails {
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
    /// Returns whether this refusal answers the request that was passed on;
    /// `None` if it does not know which request it answers.
    pub(crate) fn answers(&self, passed: &PassedRequest) -> Option<bool> {
        let is_known = self.0.origin.is_known();
        is_known.then(|| passed.is_origin(self.0.origin))
    }

    /// Returns whether the request was refused because its caller has as many
    /// requests in flight as it may have.
    pub(crate) fn is_of_own_limit(&self) -> bool {
        self.0.reason == Reason::OverLimit && self.shed_by().is_some()
    }

    /// Returns whether a deadline has passed that the caller chose, and that
    /// was shorter than the server's own.
    pub(crate) fn is_callers_deadline(&self) -> bool {
        self.0.deadline_owner == DeadlineOwner::Caller && self.0.reason == Reason::DeadlineExceeded
    }

    /// Returns whether a bound has passed that this process set for a call of
    /// its own.
    #[cfg(feature = "client")]
    pub(crate) fn is_own_bound(&self) -> bool {
        self.0.deadline_owner == DeadlineOwner::Server
    }

    /// Returns whether the work has certainly not started. A deadline, and the
    /// abort of a drain, also end work that has.
    #[cfg(feature = "idempotency")]
    pub(crate) fn is_before_work(&self) -> bool {
        !matches!(self.0.reason, Reason::DeadlineExceeded | Reason::Aborted)
    }

    /// Returns why the request was refused.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Returns the name of the limit, if a limit refused the request.
    pub fn limiter(&self) -> Option<&str> {
        self.0
            .subject
            .as_deref()
            .filter(|_| self.0.original.is_none())
    }

    /// Returns the decision of the limit, if a limit refused the request.
    pub fn decision(&self) -> Option<&Decision> {
        match &self.0.source {
            RefusalSource::Limit(decision, _) => Some(decision),
            _ => None,
        }
    }

    /// Returns why a limit of concurrency gave no permit, if one refused the
    /// request.
    pub fn shed_by(&self) -> Option<Shed> {
        match self.0.source {
            RefusalSource::Shed(shed) => Some(shed),
            _ => None,
        }
    }

    /// Returns whether clients are told not to retry an overloaded service.
    pub(super) fn forbids_retry(&self) -> bool {
        self.shed_by().is_some() && self.0.retry.is_none()
    }

    /// Returns the name of the problem with idempotency keys that this is.
    pub(super) fn key_problem(&self) -> Option<&'static str> {
        // A limit of concurrency is overloaded as well, and has no keys.
        let problem = self.0.reason.key_problem();
        problem.filter(|_| self.shed_by().is_none())
    }

    /// Returns the decisions of the other limits, as in an
    /// [`All`](crate::limit::All). Empty if the response is not to mention them.
    pub fn others(&self) -> Vec<Other> {
        match &self.0.source {
            RefusalSource::Limit(_, others) => others.list(),
            _ => Vec::new(),
        }
    }

    /// Returns the error that led to the refusal.
    pub(super) fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.0.source {
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
        by_limit.or_else(|| Some(Duration::from_millis(self.0.retry?.get().into())))
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
        match self.0.reason {
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
        self.0.original
    }

    /// Returns the `Location` of the response that was [not
    /// stored](Reason::NotRetained), if it had one.
    pub fn original_location(&self) -> Option<&str> {
        self.0
            .subject
            .as_deref()
            .filter(|_| self.0.original.is_some())
    }
}
