//! Counting calls of any Tower service: jobs, consumers of queues, pools.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Cause, Guard, Kind, LabelsRef, Outcome, Registry,
    http::{
        default_classify::{by_refusal, refusal_in},
        on_panic,
    },
};
use crate::refusal::{PassedRequest, Reason, Refusal};

/// Decides the outcome of a call that is not HTTP, from its result.
///
/// Any closure from `&Result<T, E>` to [`Outcome`] implements it. Unless set,
/// `Ok` is [`Outcome::Ok`], a [`Refusal`] of this very call has the outcome of
/// its reason, and any other error is [`Outcome::ServerError`].
///
/// If the call is an HTTP request, a refusal that a downstream answered is an
/// error like any other. Requests of other types have no mark by which refusals
/// could be told apart, so every refusal counts.
///
/// ```
/// use std::io::{self, ErrorKind};
/// use sluicegate::red::{ClassifyResult, Outcome};
///
/// /// A file that does not exist is the caller's mistake.
/// #[derive(Clone)]
/// struct OfFiles;
///
/// impl<T> ClassifyResult<T, io::Error> for OfFiles {
///     fn classify(&self, result: &io::Result<T>) -> Outcome {
///         match result {
///             Ok(_) => Outcome::Ok,
///             Err(error) if error.kind() == ErrorKind::NotFound => Outcome::ClientError,
///             Err(_) => Outcome::ServerError,
///         }
///     }
/// }
///
/// let missing: io::Result<()> = Err(ErrorKind::NotFound.into());
/// assert_eq!(OfFiles.classify(&missing), Outcome::ClientError);
/// ```
pub trait ClassifyResult<T, E> {
    /// Returns the outcome of a call.
    fn classify(&self, result: &Result<T, E>) -> Outcome;

    /// Returns the outcome, and the cause if it is known better than the
    /// outcome tells. `is_own` tells whether a refusal answers this very call.
    /// Implement it only to handle such refusals.
    fn outcome_and_cause(
        &self,
        result: &Result<T, E>,
        is_own: &dyn Fn(&Refusal) -> bool,
    ) -> (Outcome, Option<Cause>) {
        let _ = is_own;
        (self.classify(result), None)
    }
}

/// Decides by whether the result is an error, and by refusals of this crate.
impl<T, E: 'static> ClassifyResult<T, E> for () {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self.outcome_and_cause(result, &|_| true).0
    }

    fn outcome_and_cause(
        &self,
        result: &Result<T, E>,
        is_own: &dyn Fn(&Refusal) -> bool,
    ) -> (Outcome, Option<Cause>) {
        let Err(error) = result else {
            return (Outcome::Ok, None);
        };
        let refusal = refusal_in(error).filter(|it| is_own(it));
        refusal.map_or((Outcome::ServerError, None), |refusal| {
            let (outcome, cause) = by_refusal(refusal);
            // A call has no status that could say more.
            (outcome, Some(cause).filter(|it| *it != Cause::Status))
        })
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> ClassifyResult<T, E> for F {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// Counts the calls of any Tower service under one name: of a queue's consumer,
/// a connection pool, or a job.
///
/// A call ends with its future. The layer holds a handle of a [`Registry`], and
/// clones count together.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::red::{Outcome, RedCallLayer, Registry};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// let metrics = Registry::new();
/// let classify = |result: &Result<u32, String>| match result {
///     Err(error) if error == "no picture" => Outcome::ClientError,
///     Err(_) => Outcome::ServerError,
///     Ok(_) => Outcome::Ok,
/// };
/// let mut resize = ServiceBuilder::new()
///     .layer(RedCallLayer::new("resize", &metrics).classify(classify))
///     .service(service_fn(|width: u32| async move {
///         if width == 0 { Err("no picture".to_owned()) } else { Ok(width / 2) }
///     }));
///
/// resize.ready().await.unwrap().call(640).await.unwrap();
/// resize.ready().await.unwrap().call(0).await.unwrap_err();
/// let counted = metrics.snapshot().route("resize");
/// assert_eq!((counted.started(), counted.count(Outcome::ClientError)), (2, 1));
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedCallLayer<C = ()> {
    /// Shared with the services.
    counting: Arc<CallCounting<C>>,
}

/// How calls are counted. A layer and all its services share it.
#[derive(Debug)]
struct CallCounting<C> {
    registry: Registry,
    name: Arc<str>,
    classify: C,
}

impl RedCallLayer {
    /// Returns a layer that counts under this name. Each name is a series, so
    /// there must be few.
    pub fn new(name: &str, registry: &Registry) -> Self {
        Self::of(registry.clone(), name.into(), ())
    }
}

impl<C> RedCallLayer<C> {
    /// Sets how the outcome of a call is decided: any [`ClassifyResult`], such
    /// as a closure.
    pub fn classify<C2>(self, classify: C2) -> RedCallLayer<C2> {
        let CallCounting { registry, name, .. } = &*self.counting;
        RedCallLayer::of(registry.clone(), name.clone(), classify)
    }

    fn of(registry: Registry, name: Arc<str>, classify: C) -> Self {
        let counting = CallCounting {
            registry,
            name,
            classify,
        };
        Self {
            counting: Arc::new(counting),
        }
    }
}

impl<S, C> Layer<S> for RedCallLayer<C> {
    type Service = RedCall<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        RedCall {
            inner,
            counting: self.counting.clone(),
        }
    }
}

/// A service whose calls are counted; made by a [`RedCallLayer`].
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
#[derive(Clone, Debug)]
pub struct RedCall<S, C = ()> {
    inner: S,
    counting: Arc<CallCounting<C>>,
}

impl<S, C> RedCall<S, C> {
    inner_accessors!(S);
}

impl<S, Req, C> Service<Req> for RedCall<S, C>
where
    S: Service<Req>,
    Req: 'static,
    C: ClassifyResult<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RedCallFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Req) -> Self::Future {
        let CallCounting {
            registry,
            name,
            classify,
        } = &*self.counting;
        let labels = LabelsRef {
            kind: Kind::Call,
            method: "",
            route: name,
            peer: "",
        };
        let mut guard = Some(registry.start(labels, None));
        let passed = PassedRequest::noted_in_any(&mut req);
        let watch = on_panic::watch(&mut guard, panicked);
        let inner = self.inner.call(req);
        watch.returned();
        RedCallFuture {
            inner,
            guard,
            passed,
            classify: classify.clone(),
        }
    }
}

pin_project! {
    /// The future of a [`RedCall`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RedCallFuture<F, C = ()> {
        #[pin]
        inner: F,
        // `None` once the end is counted.
        guard: Option<Guard>,
        // Tells refusals of this call from those of other calls.
        passed: PassedRequest,
        classify: C,
    }
}

impl<F, T, E, C> Future for RedCallFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: ClassifyResult<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let watch = on_panic::watch(this.guard, panicked);
        let polled = this.inner.poll(cx);
        watch.returned();
        let result = ready!(polled);
        if let Some(mut guard) = this.guard.take() {
            let is_own = |refusal: &Refusal| is_own(this.passed, refusal);
            let (outcome, cause) = this.classify.outcome_and_cause(&result, &is_own);
            guard.end(None, outcome, cause.unwrap_or_else(|| cause_of(outcome)));
        }
        Poll::Ready(result)
    }
}

/// Returns whether a refusal may answer this call. The calls of a request
/// inherit its deadline, so that counts wherever it was noticed.
fn is_own(passed: &PassedRequest, refusal: &Refusal) -> bool {
    refusal.answers(passed) != Some(false) || refusal.reason() == Reason::DeadlineExceeded
}

/// Counts a panic of the service.
fn panicked(mut guard: Guard) {
    guard.end(None, Outcome::Panic, Cause::Panic);
}

/// Returns the cause of an outcome that the user decided. A call has no status
/// that could name it.
fn cause_of(outcome: Outcome) -> Cause {
    match outcome {
        Outcome::Ok => Cause::Status,
        Outcome::Shed => Cause::OverLimit,
        Outcome::Deadline => Cause::Timeout,
        Outcome::Panic => Cause::Panic,
        Outcome::Cancelled => Cause::DroppedBeforeHead,
        Outcome::ClientError | Outcome::ServerError => Cause::Error,
    }
}

impl<F, C> fmt::Debug for RedCallFuture<F, C> {
    debug_opaque!(RedCallFuture);
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::{
        limit::{Direct, Local, Quota, RateLimitLayer, TokenBucket},
        red::Slo,
        refusal::{AsError, BoxError},
    };

    /// Returns how a refused call was counted, and how many bad events it made.
    async fn refused(refusal: Refusal) -> (Outcome, Cause, u64) {
        let metrics = Registry::new();
        let refuse = service_fn(async |refusal: Refusal| Err::<(), BoxError>(refusal.into()));
        let service = RedCallLayer::new("job", &metrics).layer(refuse);
        service.oneshot(refusal).await.unwrap_err();
        let snapshot = metrics.snapshot();
        let (_, one) = snapshot.completions().next().unwrap();
        let available = Slo::availability(0.9).kind(Kind::Call);
        let events = available.counts(&snapshot).unwrap();
        (one.outcome(), one.cause(), events.bad())
    }

    #[tokio::test]
    async fn a_call_that_was_refused_says_why() {
        let away = Refusal::unavailable("orders".into(), "nobody there".into());
        let seen = refused(away).await;
        assert_eq!(seen, (Outcome::Shed, Cause::Unavailable, 1));
        let seen = refused(Refusal::deadline_exceeded()).await;
        assert_eq!(seen, (Outcome::Deadline, Cause::Timeout, 1));
        let seen = refused(Refusal::because(Reason::NoKey)).await;
        assert_eq!(seen, (Outcome::ClientError, Cause::Error, 0));
    }

    type Answer = Result<http::Response<String>, BoxError>;

    fn exhausted() -> Local<TokenBucket, Direct> {
        let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
        assert!(limiter.check(1).is_admitted());
        limiter
    }

    async fn answer(_: http::Request<String>) -> Answer {
        Ok(http::Response::new(String::new()))
    }

    #[tokio::test]
    async fn a_call_that_was_refused_elsewhere_is_not_shed() {
        let limited = || RateLimitLayer::new(exhausted()).refuse_with(AsError);
        let upstream = || limited().layer(service_fn(answer));
        let metrics = Registry::new();
        let count = |name| RedCallLayer::new(name, &metrics);
        let job = count("job").layer(service_fn(async |_: u32| {
            upstream().oneshot(http::Request::default()).await
        }));
        job.oneshot(1).await.unwrap_err();
        let proxy = count("proxy").layer(service_fn(async |_: http::Request<String>| {
            upstream().oneshot(http::Request::default()).await
        }));
        proxy.oneshot(http::Request::default()).await.unwrap_err();
        let client = count("client").layer(upstream());
        client.oneshot(http::Request::default()).await.unwrap_err();
        let counted = metrics.snapshot();
        assert_eq!(counted.route("job").count(Outcome::ServerError), 1);
        assert_eq!(counted.route("proxy").count(Outcome::ServerError), 1);
        assert_eq!(counted.route("client").count(Outcome::Shed), 1);
    }
}
