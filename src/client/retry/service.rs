//! The service that sends calls again.
//!
//! `call` sends the first attempt, on the service that was polled ready. The
//! future makes a clone for each further one.

use std::{
    any::Any,
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::{RepeatableBody, ResponseBody},
    call::RetriedCall,
    future::ResponseFuture,
    nested,
    observe::Event,
    settings::RetrySettings,
};
use crate::error::BoxError;

/// A client that sends failed calls again; made by a
/// [`RetryLayer`](super::RetryLayer).
///
/// Readiness is the inner service's. If that fails, the service is ready
/// nevertheless, and the next call begins with this failure. Nothing else is
/// reserved in `poll_ready`.
pub struct Retry<S> {
    inner: S,
    shared: Arc<RetrySettings>,
    /// The error of an inner service that was not ready. Its type depends on
    /// that of requests, which is unknown here.
    failed: Option<Box<dyn Any + Send + Sync>>,
}

impl<S> Retry<S> {
    pub(super) fn new(inner: S, shared: Arc<RetrySettings>) -> Self {
        let failed = None;
        Self {
            inner,
            shared,
            failed,
        }
    }

    inner_accessors!(S);

    /// Takes the error of a service that was not ready.
    fn take_failed<E: 'static>(&mut self) -> Option<E> {
        let failed = self.failed.take()?.downcast().ok()?;
        Some(*failed)
    }
}

impl<S, B, R> Service<Request<B>> for Retry<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Send + Sync + 'static,
    B: RepeatableBody,
    R: Body<Error: Into<BoxError>> + Unpin,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.failed.is_none()
            && let Err(error) = ready!(self.inner.poll_ready(cx))
        {
            // A service that was not ready is not to be used again.
            self.inner = self.inner.clone();
            self.failed = Some(Box::new(error));
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let failed = self.take_failed();
        if nested::is_nested(req.extensions()) {
            self.shared.notice(Event::Nested);
            return match failed {
                Some(error) => ResponseFuture::failed(error, None),
                None => ResponseFuture::passed_on(self.inner.call(req)),
            };
        }
        let (req, call) = RetriedCall::begin(&self.shared, req);
        match failed {
            Some(error) => ResponseFuture::failed(error, Some((call, self.inner.clone()))),
            None => {
                let response = nested::within(|| self.inner.call(req));
                ResponseFuture::begun(response, call, self.inner.clone())
            }
        }
    }
}

impl<S: Clone> Clone for Retry<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.shared.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("settings", &self.shared)
            .finish_non_exhaustive()
    }
}
