//! Saying no: what was refused, why, for how long, and how the caller is told.
//!
//! A layer that refuses makes a [`Refusal`]; one trait, [`Refuse`], turns it
//! into an answer. There are three:
//!
//! | | for | a refusal becomes |
//! |---|---|---|
//! | [`Answer`] | HTTP and gRPC, the default | a response: the inner service's error type stays as it is |
//! | [`AsError`] | any other service | an error, for which the service's error type must be `From<Refusal>`, as [`BoxError`] is |
//! | a closure | | what it makes of it |
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::Refusal};
//!
//! let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
//! let layer = RateLimitLayer::new(limiter).refuse_with(|refusal: Refusal, _: &Request<String>| {
//!     let mut response = Response::new(format!("not now: {refusal}"));
//!     *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
//!     Ok::<_, std::convert::Infallible>(response)
//! });
//! # let _ = layer;
//! ```

use std::{error::Error, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use http::{Extensions, StatusCode};

use crate::{
    deadline::wire::Malformed,
    limit::{Decision, Other, Others},
};

mod answer;
mod decimal;
#[cfg(feature = "grpc")]
mod grpc;
mod headers;
#[cfg(feature = "idempotency")]
mod idempotency;
mod origin;
mod problem;
mod protocol;
mod text;

pub(crate) use self::decimal::Decimal;
pub(crate) use self::origin::{Origin, Passed};
pub(crate) use self::protocol::{is_grpc, stub, trailers};
pub use self::{
    answer::{Answer, NoText, Text},
    headers::Headers,
    text::FromText,
};

/// Any error that can be sent to another thread: what plain Tower services
/// usually fail with.
pub type BoxError = Box<dyn Error + Send + Sync>;

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

/// A request that a layer refused.
///
/// As an error it says what was refused and for how long. In a response that
/// [`Answer`] made, it is among the extensions, where layers further out find
/// it.
#[derive(Clone, Debug)]
pub struct Refusal {
    // As small as can be, because functions fail with it.
    reason: Reason,
    /// Who chose the deadline that has passed.
    chosen: Chosen,
    /// In how many milliseconds to come again, where that is not up to a limit.
    retry: Option<NonZeroU32>,
    /// The status of an answer that was not kept.
    original: Option<StatusCode>,
    /// The limit that was asked; or of an answer that was not kept, its location.
    subject: Option<Arc<str>>,
    cause: Cause,
    /// The request that it answers.
    origin: Origin,
}

/// Who chose a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    /// It is that of the request, of which the layer that enforces it knows more.
    Unknown,
    ByCaller,
    ByServer,
}

/// What has led to a refusal.
#[derive(Clone, Debug)]
enum Cause {
    None,
    /// A limit, and what others beside it have said.
    Limit(Decision, Others),
    Error(Arc<BoxError>),
}

impl Refusal {
    fn because(reason: Reason) -> Self {
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
    fn answering_unless_known(self, extensions: &Extensions) -> Self {
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
    pub(crate) fn bad_deadline(source: Malformed) -> Self {
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
    fn from_store(reason: Reason, source: BoxError) -> Self {
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

    fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
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
    fn is_for_good(&self) -> bool {
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

impl Refusal {
    /// Piece by piece, for what is refused by the thousand goes without the
    /// machinery of `format_args`.
    fn describe(&self, text: &mut impl fmt::Write) -> fmt::Result {
        let limiter = self.limiter().unwrap_or_default();
        let pieces = match (self.reason, self.retry_after()) {
            (Reason::OverLimit, Some(retry)) => {
                let (time, unit) = rounded_up(retry);
                let time = Decimal::of(time);
                let time = ["`, retry after ", time.as_str(), unit];
                return write(text, ["over the limit `", limiter]).and(write(text, time));
            }
            (Reason::OverLimit, None) if self.limit_is_zero() => {
                ["the limit `", limiter, "` lets nothing pass"]
            }
            (Reason::OverLimit, None) => [
                "costs more than the limit `",
                limiter,
                "` ever allows at once",
            ],
            (Reason::NoKey, _) => ["nothing to limit the request by", "", ""],
            (Reason::NoPeer, _) => ["the server does not know the client's address", "", ""],
            (Reason::Unavailable, _) => ["the limit `", limiter, "` could not be checked"],
            (Reason::DeadlineExceeded, _) => ["the deadline has passed", "", ""],
            (Reason::BadDeadline, _) => ["the timeout of the request is malformed", "", ""],
            (reason, _) => return self.describe_key(reason, text),
        };
        write(text, pieces)
    }

    fn limit_is_zero(&self) -> bool {
        self.decision()
            .is_some_and(|decision| decision.limit() == 0)
    }

    /// The same for what is about idempotency keys.
    fn describe_key(&self, reason: Reason, text: &mut impl fmt::Write) -> fmt::Result {
        if let (Reason::BadIdempotencyKey, Some(source)) = (reason, self.error()) {
            return write!(text, "{source}");
        }
        text.write_str(match reason {
            Reason::NoIdempotencyKey => "the request needs an idempotency key",
            Reason::BadIdempotencyKey => "the idempotency key is malformed",
            Reason::NoPrincipal => "the request does not say whose its idempotency key is",
            Reason::ReusedIdempotencyKey => "the idempotency key was used for another request",
            Reason::StillRunning => "the first request with the idempotency key is still running",
            Reason::UnknownOutcome => {
                "the outcome of the first request with the idempotency key is unknown"
            }
            Reason::NotRetained => "the request was answered before, and the answer was not kept",
            Reason::StoreUnavailable => "the idempotency key could not be checked",
            Reason::BodyTooLarge => "the request is too large to have an idempotency key",
            Reason::BadBody => "the body of the request could not be read",
            Reason::Overloaded => "too many bodies of requests are held at once",
            _ => "refused",
        })
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
fn millis_up(time: Duration) -> u32 {
    let millis = time.as_micros().div_ceil(1_000);
    u32::try_from(millis).unwrap_or(u32::MAX).max(1)
}

/// A time in milliseconds, or if it is long in seconds.
fn rounded_up(time: Duration) -> (u64, &'static str) {
    const LONG: Duration = Duration::from_secs(10);
    let (unit, name) = if time < LONG {
        (1_000, " ms")
    } else {
        (1_000_000, " s")
    };
    let time = time.as_micros().div_ceil(unit);
    (u64::try_from(time).unwrap_or(u64::MAX), name)
}

fn write<const N: usize>(text: &mut impl fmt::Write, pieces: [&str; N]) -> fmt::Result {
    pieces
        .into_iter()
        .try_for_each(|piece| text.write_str(piece))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|source| source as _)
    }
}

/// Turns a refusal into the answer that the caller gets, and may mark what was
/// admitted.
///
/// A layer whose answer is none for its service does not compile:
///
/// ```compile_fail,E0277
/// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// // An `Answer` is a response of HTTP, which a number is not: it wants `AsError`.
/// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
/// let layer = RateLimitLayer::new(limiter);
/// let service = layer.layer(service_fn(|n: u32| async move {
///     Ok::<u32, sluicegate::refusal::BoxError>(n + 1)
/// }));
/// let _ = ServiceExt::oneshot(service, 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a `{Res}` of a refusal",
    label = "not a `Refuse` for this service",
    note = "an `Answer` makes an `http::Response` whose body implements `FromText`; for any other body \
            give the layer `.refuse_with(Answer::new().body(|json| ..))` or `.without_body()`, for a \
            service that is not HTTP `.refuse_with(AsError)`, whose error implements `From<Refusal>`, or \
            a closure: `.refuse_with(|refusal: Refusal, req: &Request| Ok(..))`"
)]
pub trait Refuse<Req, Res, Err> {
    /// The answer to a request that was refused.
    ///
    /// # Errors
    ///
    /// Whatever a refusal is to be; [`Answer`] never fails.
    fn refuse(&self, refusal: Refusal, req: &Req) -> Result<Res, Err>;

    /// Whether [`mark`](Self::mark) does anything.
    fn marks(&self) -> bool {
        false
    }

    /// Tells the caller of an admitted request what is left.
    fn mark(&self, limiter: &str, decision: &Decision, res: &mut Res) {
        let _ = (limiter, decision, res);
    }

    /// The same where other limits stand beside the one that speaks, as in an
    /// [`All`](crate::limit::All). Unless overridden, they are left out.
    fn mark_all(&self, limiter: &str, decision: &Decision, others: &[Other], res: &mut Res) {
        let _ = others;
        self.mark(limiter, decision, res);
    }
}

impl<F, Req, Res, Err> Refuse<Req, Res, Err> for F
where
    F: Fn(Refusal, &Req) -> Result<Res, Err>,
{
    fn refuse(&self, refusal: Refusal, req: &Req) -> Result<Res, Err> {
        self(refusal, req)
    }
}

/// Makes a refusal the error of the service.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::{AsError, BoxError, Refusal}};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
/// let mut service = ServiceBuilder::new()
///     .layer(RateLimitLayer::new(limiter).refuse_with(AsError))
///     .service(service_fn(|n: u32| async move { Ok::<_, BoxError>(n + 1) }));
///
/// assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
/// let error = service.ready().await.unwrap().call(1).await.unwrap_err();
/// let refusal = error.downcast_ref::<Refusal>().unwrap();
/// assert!(refusal.retry_after().unwrap().as_secs() >= 59);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

impl<Req, Res, Err: From<Refusal>> Refuse<Req, Res, Err> for AsError {
    fn refuse(&self, refusal: Refusal, _req: &Req) -> Result<Res, Err> {
        Err(refusal.into())
    }
}
