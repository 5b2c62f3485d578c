//! The service that ends requests at their deadline.
//!
//! `call` asks the entry and branches; the future and the body do the rest.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    entry::{Admit, DeadlineEntry, TimeLimit},
    future::ResponseFuture,
    pending::PendingRequest,
    request_stub::RequestStub,
    trust::{Trust, TrustPolicy},
};
use crate::{
    exempt::Exempt,
    refusal::{Answer, BoxError, Origin, Refusal, Refuse},
};

/// A service that answers until the deadline or refuses; made by an
/// [`EnforceDeadlineLayer`](super::EnforceDeadlineLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones share the budget of rejections and the timers of bodies.
///
/// The type parameters are those of the layer, with the same defaults, so that
/// the type has a short name:
///
/// ```
/// use sluicegate::deadline::{EnforceDeadline, EnforceDeadlineLayer};
/// use tower::Layer;
///
/// struct Server<S> {
///     inner: EnforceDeadline<S>,
/// }
///
/// impl<S> Server<S> {
///     fn new(service: S) -> Self {
///         Self { inner: EnforceDeadlineLayer::new().layer(service) }
///     }
/// }
/// # let _ = Server::new(()).inner.get_ref();
/// ```
#[derive(Clone)]
pub struct EnforceDeadline<S, T = Trust, X = (), A = Answer> {
    inner: S,
    entry: Arc<DeadlineEntry<T, X>>,
    answer: A,
}

impl<S, T, X, A> EnforceDeadline<S, T, X, A> {
    pub(super) fn new(inner: S, entry: Arc<DeadlineEntry<T, X>>, answer: A) -> Self {
        Self {
            inner,
            entry,
            answer,
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, T, X, A> Service<Request<B>> for EnforceDeadline<S, T, X, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Error: Into<BoxError>> + Send + Unpin + 'static,
    T: TrustPolicy<B>,
    X: Exempt<Request<B>>,
    A: Refuse<Request<()>, Response<R>, S::Error> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        match self.entry.decide(&req) {
            Admit::Free => {
                let version = req.version();
                ResponseFuture::free(self.inner.call(req), version)
            }
            Admit::Under(limit) => self.call_under(limit, req),
            Admit::Refuse(refusal) => self.refuse(refusal, req),
        }
    }
}

impl<S, T, X, A> EnforceDeadline<S, T, X, A> {
    #[inline]
    fn call_under<B>(
        &mut self,
        limit: TimeLimit,
        mut req: Request<B>,
    ) -> ResponseFuture<S::Future, A>
    where
        S: Service<Request<B>>,
        A: Clone,
    {
        let mut pending = PendingRequest {
            scope: self.entry.enter(limit, &mut req),
            settings: self.entry.settings.clone(),
            answer: self.answer.clone(),
            request: RequestStub::of(&req, limit),
        };
        let entered = pending.scope.enter();
        let response = self.inner.call(req);
        entered.end();
        ResponseFuture::waiting(response, pending)
    }

    #[cold]
    fn refuse<B, R>(&mut self, refusal: Refusal, req: Request<B>) -> ResponseFuture<S::Future, A>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: Refuse<Request<()>, Response<R>, S::Error>,
    {
        // Releases what the ready service has reserved, because it is not
        // called.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of(req.extensions()));
        let answer = self.answer.refuse(refusal, &req.map(drop));
        ResponseFuture::answered(answer)
    }
}

impl<S: fmt::Debug, T, X, A: fmt::Debug> fmt::Debug for EnforceDeadline<S, T, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnforceDeadline")
            .field("inner", &self.inner)
            .field("entry", &self.entry)
            .field("answer", &self.answer)
            .finish()
    }
}
