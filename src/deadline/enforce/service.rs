use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    future::ResponseFuture,
    pending::{Asker, Held},
    settings::{Gate, Passage, Time},
    trust::Trusts,
};
use crate::{
    exempt::Exempt,
    refusal::{BoxError, Origin, Refusal, Refuse},
};

/// A service that answers in time or not at all; made by an
/// [`EnforceDeadlineLayer`](crate::deadline::EnforceDeadlineLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones share the budget of rejections and the timer of bodies.
pub struct EnforceDeadline<S, T, X, A> {
    inner: S,
    gate: Gate<T, X>,
    answer: A,
}

impl<S, T, X, A> EnforceDeadline<S, T, X, A> {
    pub(super) fn new(inner: S, gate: Gate<T, X>, answer: A) -> Self {
        Self {
            inner,
            gate,
            answer,
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, T, X, A> Service<Request<B>> for EnforceDeadline<S, T, X, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Error: Into<BoxError>> + Send + Unpin + 'static,
    T: Trusts<B>,
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
        match self.gate.ask(&req) {
            Passage::Free => {
                let version = req.version();
                ResponseFuture::free(self.inner.call(req), version)
            }
            Passage::Under(time) => self.call_under(time, req),
            Passage::Refuse(refusal) => self.refuse(refusal, req),
        }
    }
}

impl<S, T, X, A> EnforceDeadline<S, T, X, A> {
    #[inline]
    fn call_under<B>(&mut self, time: Time, mut req: Request<B>) -> ResponseFuture<S::Future, A>
    where
        S: Service<Request<B>>,
        A: Clone,
    {
        let terms = &self.gate.terms;
        let mut held = Held {
            errand: terms.enter(time, &mut req),
            terms: terms.clone(),
            answer: self.answer.clone(),
            request: Asker::of(&req, time),
        };
        let response = held.errand.run(|| self.inner.call(req));
        ResponseFuture::waiting(response, held)
    }

    #[cold]
    fn refuse<B, R>(&mut self, refusal: Refusal, req: Request<B>) -> ResponseFuture<S::Future, A>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: Refuse<Request<()>, Response<R>, S::Error>,
    {
        // What the ready service has reserved is not used: it goes too.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of(req.extensions()));
        let answer = self.answer.refuse(refusal, &req.map(drop));
        ResponseFuture::answered(answer)
    }
}

impl<S: Clone, T: Clone, X: Clone, A: Clone> Clone for EnforceDeadline<S, T, X, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: self.gate.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl<S: fmt::Debug, T, X, A: fmt::Debug> fmt::Debug for EnforceDeadline<S, T, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnforceDeadline")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .field("answer", &self.answer)
            .finish()
    }
}
