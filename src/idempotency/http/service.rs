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
    body::{from_buffered::FromBuffered, response_body::ResponseBody},
    future::{ResponseFuture, free},
    request::{
        key_extractor::{Gate, Keyed, Passage},
        keyed_call::Job,
        principal::PrincipalSource,
        required::Required,
    },
};
use crate::idempotency::store::Store;
use crate::{
    exempt::Exempt,
    refusal::{BoxError, Origin, Refusal, Refuse, request_stub},
};

/// A service that does the work of a request once; made by an
/// [`IdempotencyLayer`](crate::idempotency::IdempotencyLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones share the store, and what is tracked.
pub struct Idempotency<I, S, W, Q, X, A> {
    inner: I,
    gate: Arc<Gate<S, W, Q, X>>,
    answer: A,
}

impl<I, S, W, Q, X, A> Idempotency<I, S, W, Q, X, A> {
    pub(crate) fn new(inner: I, gate: Arc<Gate<S, W, Q, X>>, answer: A) -> Self {
        Self {
            inner,
            gate,
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
        match self.gate.ask(&req) {
            Passage::Free => ResponseFuture::free(self.inner.call(req)),
            Passage::Refuse(refusal) => self.refuse(refusal, req),
            Passage::Once(keyed) => self.once(keyed, req),
        }
    }
}

impl<I, S: Store, W, Q, X, A> Idempotency<I, S, W, Q, X, A> {
    fn once<B, R>(
        &mut self,
        keyed: Keyed,
        request: Request<B>,
    ) -> ResponseFuture<I::Future, R, I::Error>
    where
        I: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        I::Error: Send + 'static,
        I::Future: Send,
        B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
        R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        A: Refuse<Request<()>, Response<R>, I::Error> + Clone + Send + 'static,
    {
        let (works, answer) = (Arc::clone(&self.gate.works), self.answer.clone());
        let origin = Origin::of(request.extensions());
        let stub = request_stub(request.headers().get(CONTENT_TYPE).cloned());
        // The ready service goes into the future, its clone stays.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        ResponseFuture::once(async move {
            let job = Job::new(service, request);
            match Arc::clone(&works).once(keyed, job).await {
                Ok(answer) => answer,
                Err(refusal) => {
                    works.notice(&refusal);
                    free(answer.refuse(refusal.answering(origin), &stub))
                }
            }
        })
    }

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
        self.gate.works.notice(&refusal);
        // What the ready service has reserved is not used: it goes too.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of(req.extensions()));
        let answer = self.answer.refuse(refusal, &req.map(drop));
        ResponseFuture::once(ready(free(answer)))
    }
}

impl<I: Clone, S, W, Q, X, A: Clone> Clone for Idempotency<I, S, W, Q, X, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: self.gate.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl<I: fmt::Debug, S: fmt::Debug, W, Q, X, A: fmt::Debug> fmt::Debug
    for Idempotency<I, S, W, Q, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .field("answer", &self.answer)
            .finish()
    }
}
