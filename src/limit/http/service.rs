use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    admission::{Exempt, Gate, Passage, Weigh},
    future::ResponseFuture,
};
use crate::{
    key::Key,
    limit::limiter::{Backend, Limiter},
    refusal::{Origin, Refuse},
};

/// A service behind a limit; made by a
/// [`RateLimitLayer`](crate::limit::RateLimitLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones share the limiter.
pub struct RateLimit<S, L, K, C, X, A> {
    inner: S,
    gate: Arc<Gate<L, K, C, X>>,
    answer: A,
}

impl<S, L, K, C, X, A> RateLimit<S, L, K, C, X, A> {
    pub(crate) fn new(inner: S, gate: Arc<Gate<L, K, C, X>>, answer: A) -> Self {
        Self {
            inner,
            gate,
            answer,
        }
    }

    inner_accessors!(S);
}

impl<S, Req, L, K, C, X, A> Service<Req> for RateLimit<S, L, K, C, X, A>
where
    S: Service<Req> + Clone,
    Req: 'static,
    K: Key<Req> + 'static,
    C: Weigh<Req>,
    X: Exempt<Req>,
    A: Refuse<Req, S::Response, S::Error> + Clone,
    for<'a> L: Limiter<K::Key<'a>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, L, K, C, X, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Req) -> Self::Future {
        match self.gate.ask(&req, self.answer.marks()) {
            Passage::Pass => ResponseFuture::calling(self.inner.call(req)),
            Passage::Mark(admitted) => {
                ResponseFuture::marking(self.inner.call(req), admitted, self.answer.clone())
            }
            passage => self.detain(passage, req),
        }
    }
}

impl<S, L, K, C, X, A> RateLimit<S, L, K, C, X, A> {
    /// What becomes of a request that does not pass at once.
    #[cold]
    fn detain<Req>(
        &mut self,
        passage: Passage<L::Future>,
        req: Req,
    ) -> ResponseFuture<S, Req, L, K, C, X, A>
    where
        S: Service<Req> + Clone,
        Req: 'static,
        L: Backend,
        A: Refuse<Req, S::Response, S::Error> + Clone,
    {
        let origin = Origin::of_any(&req);
        match passage {
            Passage::Wait(check, mut asker) => {
                asker.origin = origin;
                // The ready service goes into the future, its clone stays.
                let clone = self.inner.clone();
                let held = (
                    mem::replace(&mut self.inner, clone),
                    req,
                    self.answer.clone(),
                );
                ResponseFuture::checking(check, asker, self.gate.clone(), held)
            }
            Passage::Refuse(refusal) => {
                // What the ready service has reserved is not used: it goes too.
                self.inner = self.inner.clone();
                let refusal = refusal.answering(origin);
                ResponseFuture::answered(self.answer.refuse(refusal, &req))
            }
            Passage::Pass | Passage::Mark(_) => unreachable!("whatever passes is not detained"),
        }
    }
}

impl<S: Clone, L, K, C, X, A: Clone> Clone for RateLimit<S, L, K, C, X, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: self.gate.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl<S: fmt::Debug, L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug> fmt::Debug
    for RateLimit<S, L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .field("answer", &self.answer)
            .finish()
    }
}
