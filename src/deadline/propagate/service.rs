//! The service that passes deadlines on.
//!
//! `call` plans the call and branches; the future and the body end it in time.
//! It replaces the inner service by a clone if the call is not sent, because a
//! service that is ready may hold a place in a queue.

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
    call::{Call, CallSettings},
    call_bound::CallBound,
    future::ResponseFuture,
    header::content_type,
    readiness::Readiness,
    settings::CallPlan,
};
use crate::refusal::{Answer, NoText, Refuse};

/// A client that tells callees how long they have; made by a
/// [`PropagateDeadlineLayer`](super::PropagateDeadlineLayer).
///
/// Readiness is the inner service's, up to the current deadline: once that has
/// passed, it is ready to refuse the call. Nothing is reserved in `poll_ready`.
///
/// The default of `A` is that of the layer, so that the type has a short name:
///
/// ```
/// use sluicegate::deadline::{PropagateDeadline, PropagateDeadlineLayer};
/// use tower::Layer;
///
/// struct Client<S> {
///     inner: PropagateDeadline<S>,
/// }
///
/// impl<S> Client<S> {
///     fn new(service: S) -> Self {
///         Self { inner: PropagateDeadlineLayer::new().layer(service) }
///     }
/// }
/// # let _ = Client::new(()).inner.get_ref();
/// ```
pub struct PropagateDeadline<S, A = Answer<NoText>> {
    inner: S,
    shared: Arc<CallSettings<A>>,
    readiness: Readiness,
}

impl<S, A> PropagateDeadline<S, A> {
    pub(super) fn new(inner: S, shared: Arc<CallSettings<A>>) -> Self {
        Self {
            inner,
            shared,
            readiness: Readiness::default(),
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, A> Service<Request<B>> for PropagateDeadline<S, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body,
    A: Refuse<Request<()>, Response<ResponseBody<R>>, S::Error>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let inner = self.inner.poll_ready(cx);
        self.readiness
            .poll(inner, self.shared.settings.call_max, cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let content_type = content_type(req.headers()).cloned();
        let over = self.readiness.take_over();
        let plan = match over {
            Some(_) => CallPlan::Late,
            None => self.shared.settings.plan(content_type.as_ref(), &mut req),
        };
        match plan {
            CallPlan::Free => ResponseFuture::free(self.inner.call(req)),
            CallPlan::Bounded(times) => {
                let response = self.inner.call(req);
                let call = Call::new(self.shared.clone(), content_type);
                ResponseFuture::bounded(response, CallBound::new(times), call)
            }
            CallPlan::Late => {
                // Releases what the service has reserved or waits for, because
                // it is not called.
                self.inner = self.inner.clone();
                let is_own = over.is_some_and(|over| over.is_own);
                let call = Call::new(self.shared.clone(), content_type);
                ResponseFuture::late(call, is_own)
            }
        }
    }
}

impl<S: Clone, A> Clone for PropagateDeadline<S, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            readiness: Readiness::default(),
        }
    }
}

impl<S: fmt::Debug, A: fmt::Debug> fmt::Debug for PropagateDeadline<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagateDeadline")
            .field("inner", &self.inner)
            .field("settings", &self.shared.settings)
            .field("answer", &self.shared.answer)
            .finish()
    }
}
