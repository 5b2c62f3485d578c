//! Calls of any service, counted.

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
    guard::Guard,
    labels::{Kind, Sought},
    outcome::{Cause, Outcome},
    registry::Registry,
    unwind,
    verdict::{by_reason, reason_in},
};

/// Says what came of a call of any service, where there is no HTTP to say it.
///
/// Unless set, an answer is [`Outcome::Ok`] and an error
/// [`Outcome::ServerError`], if it is no [`Refusal`](crate::refusal::Refusal).
pub trait Judge<T, E> {
    /// What came of it.
    fn judge(&self, result: &Result<T, E>) -> Outcome;
}

/// By whether it is an error, and which.
impl<T, E: 'static> Judge<T, E> for () {
    fn judge(&self, result: &Result<T, E>) -> Outcome {
        match result {
            Ok(_) => Outcome::Ok,
            Err(error) => {
                let refused = reason_in(error).map(by_reason);
                refused.map_or(Outcome::ServerError, |(outcome, _)| outcome)
            }
        }
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Judge<T, E> for F {
    fn judge(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// Counts the calls of any Tower service under one name: of a queue's consumer,
/// a connection pool, a job.
///
/// A call ends with its future. It holds a handle of a [`Registry`], and clones
/// count together.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::red::{CallLayer, Outcome, Registry};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// let metrics = Registry::new();
/// let mut resize = ServiceBuilder::new()
///     .layer(CallLayer::new("resize", &metrics).judge(|result: &Result<u32, String>| match result {
///         Err(error) if error == "no picture" => Outcome::ClientError,
///         Err(_) => Outcome::ServerError,
///         Ok(_) => Outcome::Ok,
///     }))
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
pub struct CallLayer<J = ()> {
    registry: Registry,
    name: Arc<str>,
    judge: J,
}

impl CallLayer {
    /// Under this name, of which there must be few.
    pub fn new(name: &str, registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            name: name.into(),
            judge: (),
        }
    }
}

impl<J> CallLayer<J> {
    /// What came of a call: any [`Judge`], such as a closure.
    pub fn judge<J2>(self, judge: J2) -> CallLayer<J2> {
        let Self { registry, name, .. } = self;
        CallLayer {
            registry,
            name,
            judge,
        }
    }
}

impl<S, J: Clone> Layer<S> for CallLayer<J> {
    type Service = Call<S, J>;

    fn layer(&self, inner: S) -> Self::Service {
        Call {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose calls are counted; made by a [`CallLayer`].
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
#[derive(Clone, Debug)]
pub struct Call<S, J = ()> {
    inner: S,
    layer: CallLayer<J>,
}

impl<S, J> Call<S, J> {
    /// The service whose calls are counted.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service whose calls are counted.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service, without the counting.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, Req, J> Service<Req> for Call<S, J>
where
    S: Service<Req>,
    J: Judge<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CallFuture<S::Future, J>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let CallLayer {
            registry,
            name,
            judge,
        } = &self.layer;
        let sought = Sought {
            kind: Kind::Call,
            method: "",
            route: name,
            peer: "",
        };
        let mut guard = Some(registry.start(sought, None));
        let inner = unwind::or_else(&mut guard, panicked, || self.inner.call(req));
        CallFuture {
            inner,
            guard,
            judge: judge.clone(),
        }
    }
}

pin_project! {
    /// The future of a [`Call`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F, J = ()> {
        #[pin]
        inner: F,
        // Until the end.
        guard: Option<Guard>,
        judge: J,
    }
}

impl<F, T, E, J> Future for CallFuture<F, J>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(unwind::or_else(this.guard, panicked, || this
            .inner
            .poll(cx)));
        if let Some(guard) = this.guard.take() {
            let outcome = this.judge.judge(&result);
            guard.end(None, outcome, cause(outcome));
        }
        Poll::Ready(result)
    }
}

fn panicked(guard: Guard) {
    guard.end(None, Outcome::Panic, Cause::Panic);
}

/// There is no status to tell it.
fn cause(outcome: Outcome) -> Cause {
    match outcome {
        Outcome::Ok => Cause::Status,
        Outcome::Shed => Cause::OverLimit,
        Outcome::Deadline => Cause::Timeout,
        Outcome::Panic => Cause::Panic,
        Outcome::Cancelled => Cause::DroppedBeforeHead,
        Outcome::ClientError | Outcome::ServerError => Cause::Error,
    }
}

impl<F, J> fmt::Debug for CallFuture<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").finish_non_exhaustive()
    }
}
