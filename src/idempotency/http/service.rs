//! The service of the layer: it reads the key of a request, and passes, refuses
//! or executes it.
//!
//! `call` takes the service that is ready and leaves its clone, as tower asks
//! for: the clone has not reserved anything.

use std::{
    fmt,
    future::ready,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body::Body;
use tower_service::Service;

use super::{
    body::{FromBuffered, ResponseBody},
    future::{ResponseFuture, wrap_body},
    request::{
        key_extractor::{KeyDecision, KeyExtractor, Required},
        keyed_call::{InnerService, KeyedCall},
        principal::PrincipalSource,
        request_key::RequestKey,
    },
};
use crate::{
    exempt::Exempt,
    idempotency::store::Store,
    refusal::{Answer, BoxError, Origin, Refusal, Refuse, request_stub},
};

/// A service that does the work of a request once; made by an
/// [`IdempotencyLayer`](crate::idempotency::IdempotencyLayer).
///
/// Its readiness is the inner service's; `poll_ready` reserves nothing. Clones
/// share the store, and what is tracked.
///
/// `S` is the store, `W` how keys are scoped, `Q` which requests need a key,
/// `X` which are exempt, and `A` how refusals are answered. With the defaults
/// of the last three, the type can be named:
///
/// ```
/// use axum::Router;
/// use sluicegate::{
///     idempotency::{ByKey, Idempotency, IdempotencyLayer, Local},
///     key,
/// };
/// use tower::Layer;
///
/// struct Orders {
///     service: Idempotency<Router, Local, ByKey<key::Header>>,
/// }
///
/// let layer = IdempotencyLayer::new(Local::new()).principal(key::header("x-api-key"));
/// let orders = Orders { service: layer.layer(Router::new()) };
/// # let _ = orders.service;
/// ```
#[derive(Clone)]
pub struct Idempotency<I, S, W, Q = (), X = (), A = Answer> {
    inner: I,
    /// Reads the key, and has the executor. Shared with the layer and clones.
    extractor: Arc<KeyExtractor<S, W, Q, X>>,
    /// Turns refusals into responses.
    answer: A,
}

impl<I, S, W, Q, X, A> Idempotency<I, S, W, Q, X, A> {
    pub(super) fn new(inner: I, extractor: Arc<KeyExtractor<S, W, Q, X>>, answer: A) -> Self {
        Self {
            inner,
            extractor,
            answer,
        }
    }

    inner_accessors!(I);
}

impl<I, B, R, S, W, Q, X, A> Service<Request<B>> for Idempotency<I, S, W, Q, X, A>
where
    I: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    I::Error: Send + 'static,
    I::Future: Send,
    B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    S: Store,
    W: PrincipalSource<Request<B>>,
    Q: Required<Request<B>>,
    X: Exempt<Request<B>>,
    A: Refuse<Request<()>, Response<R>, I::Error> + Clone + Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = I::Error;
    type Future = ResponseFuture<I::Future, R, I::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        match self.extractor.passes(&req) {
            true => ResponseFuture::inner(self.inner.call(req)),
            false => self.call_keyed(req),
        }
    }
}

impl<I, S: Store, W, Q, X, A> Idempotency<I, S, W, Q, X, A> {
    /// Answers a request that does not just pass. It is not inlined, so that
    /// the others stay quick.
    #[inline(never)]
    fn call_keyed<B, R>(&mut self, req: Request<B>) -> ResponseFuture<I::Future, R, I::Error>
    where
        I: InnerService<B, Body = R> + Clone,
        B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
        R: Send + 'static,
        W: PrincipalSource<Request<B>>,
        X: Exempt<Request<B>>,
        A: Refuse<Request<()>, Response<R>, I::Error> + Clone + Send + 'static,
    {
        match self.extractor.extract(&req) {
            KeyDecision::Pass => ResponseFuture::inner(self.inner.call(req)),
            KeyDecision::Refuse(refusal) => self.refuse(refusal, req),
            KeyDecision::Execute(request_key) => self.execute(request_key, req),
        }
    }

    /// Executes a request with a key.
    fn execute<B, R>(
        &mut self,
        request_key: RequestKey,
        request: Request<B>,
    ) -> ResponseFuture<I::Future, R, I::Error>
    where
        I: InnerService<B, Body = R> + Clone,
        B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
        R: Send + 'static,
        A: Refuse<Request<()>, Response<R>, I::Error> + Clone + Send + 'static,
    {
        let (executor, answer) = (Arc::clone(&self.extractor.executor), self.answer.clone());
        let origin = Origin::of(request.extensions());
        let stub = request_stub(request.headers().get(CONTENT_TYPE).cloned());
        // The service that is ready goes into the future, and its clone stays
        // here.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        ResponseFuture::keyed(async move {
            let call = KeyedCall::new(service, request);
            match Arc::clone(&executor).execute(request_key, call).await {
                Ok(result) => result,
                Err(refusal) => {
                    executor.notice(&refusal);
                    wrap_body(answer.refuse(refusal.answering(origin), &stub))
                }
            }
        })
    }

    /// Answers a request without calling the inner service.
    #[cold]
    fn refuse<B, R>(
        &mut self,
        refusal: Refusal,
        req: Request<B>,
    ) -> ResponseFuture<I::Future, R, I::Error>
    where
        I: Service<Request<B>, Response = Response<R>> + Clone,
        I::Error: Send + 'static,
        R: Send + 'static,
        A: Refuse<Request<()>, Response<R>, I::Error>,
    {
        self.extractor.executor.notice(&refusal);
        // The service is ready and is not called. Replacing it gives back what
        // its readiness has reserved.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of(req.extensions()));
        let result = self.answer.refuse(refusal, &req.map(drop));
        ResponseFuture::keyed(ready(wrap_body(result)))
    }
}

impl<I: fmt::Debug, S: fmt::Debug, W, Q, X, A: fmt::Debug> fmt::Debug
    for Idempotency<I, S, W, Q, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("inner", &self.inner)
            .field("executor", &self.extractor.executor)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
