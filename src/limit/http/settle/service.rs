//! The service that a [`SettledLimitLayer`](crate::limit::SettledLimitLayer)
//! makes.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    actual_cost::ActualCost,
    body::SettledBody,
    future::{SettledFuture, WaitingHold},
    settlement::Settlement,
};
use crate::{
    exempt::Exempt,
    key::Key,
    limit::{
        hold::HoldLimiter,
        http::{
            admission::LimitAdmission, admit::Admit, pending::ReadyCall, pending_mark::PendingMark,
            weigh::Weigh,
        },
        limiter::Backend,
    },
    refusal::{Origin, Refusal, Refuse},
};

/// A service whose requests are charged for what they really took; made by a
/// [`SettledLimitLayer`](crate::limit::SettledLimitLayer).
///
/// Readiness and clones are as for [`RateLimit`](crate::limit::RateLimit).
pub struct SettledLimit<S, L, K, C, X, A, F> {
    inner: S,
    admission: Arc<LimitAdmission<L, K, C, X, A>>,
    actual_cost: Arc<F>,
}

impl<S, L, K, C, X, A, F> SettledLimit<S, L, K, C, X, A, F> {
    pub(super) fn new(
        inner: S,
        admission: Arc<LimitAdmission<L, K, C, X, A>>,
        actual_cost: Arc<F>,
    ) -> Self {
        Self {
            inner,
            admission,
            actual_cost,
        }
    }

    inner_accessors!(S);
}

impl<S, B, D, L, K, C, X, A, F> Service<Request<B>> for SettledLimit<S, L, K, C, X, A, F>
where
    S: Service<Request<B>, Response = Response<D>, Error: 'static> + Clone,
    B: 'static,
    D: Body<Error: 'static>,
    K: Key<Request<B>> + 'static,
    C: Weigh<Request<B>>,
    X: Exempt<Request<B>>,
    A: Refuse<Request<B>, Response<D>, S::Error>,
    for<'a> L: HoldLimiter<K::Key<'a>>,
    F: ActualCost,
{
    type Response = Response<SettledBody<D, F>>;
    type Error = S::Error;
    type Future = SettledFuture<S, B, L, K, C, X, A, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let admission = &self.admission;
        let (admit, hold) = admission.hold(&req, admission.answer.marks());
        let mark = match admit {
            Admit::Pass(mark) => PendingMark::new(mark, admission),
            Admit::Wait(pending) => return self.wait(pending, req),
            Admit::Refuse(refusal) => return self.refuse(refusal, req),
        };
        let actual_cost = &self.actual_cost;
        let (response, settlement) = Settlement::start(&mut self.inner, req, hold, actual_cost);
        SettledFuture::calling(actual_cost.clone(), response, settlement, mark)
    }
}

impl<S, L: Backend, K, C, X, A, F: ActualCost> SettledLimit<S, L, K, C, X, A, F> {
    /// Makes the future of a request whose hold is pending.
    #[cold]
    fn wait<B>(
        &mut self,
        mut pending: WaitingHold<S, Request<B>, L, K, C, X, A>,
        req: Request<B>,
    ) -> SettledFuture<S, B, L, K, C, X, A, F>
    where
        S: Service<Request<B>> + Clone,
    {
        // Only the instance that was polled is ready, so it goes into the future
        // and a clone takes its place.
        let clone = self.inner.clone();
        let origin = Origin::of(req.extensions());
        let call = ReadyCall {
            service: mem::replace(&mut self.inner, clone),
            request: req,
            admission: self.admission.clone(),
        };
        pending.as_mut().hold_call(origin, call);
        SettledFuture::holding(self.actual_cost.clone(), pending)
    }

    /// Makes the future of a request that is refused.
    #[cold]
    fn refuse<B>(
        &mut self,
        refusal: Refusal,
        req: Request<B>,
    ) -> SettledFuture<S, B, L, K, C, X, A, F>
    where
        S: Service<Request<B>> + Clone,
        A: Refuse<Request<B>, S::Response, S::Error>,
    {
        // Dropping the ready instance gives back what its readiness reserved,
        // such as a permit of a concurrency limit.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of(req.extensions()));
        let answer = self.admission.answer.refuse(refusal, &req);
        SettledFuture::answered(self.actual_cost.clone(), answer)
    }
}

impl<S: Clone, L, K, C, X, A, F> Clone for SettledLimit<S, L, K, C, X, A, F> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            admission: self.admission.clone(),
            actual_cost: self.actual_cost.clone(),
        }
    }
}

impl<S: fmt::Debug, L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug, F> fmt::Debug
    for SettledLimit<S, L, K, C, X, A, F>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettledLimit")
            .field("inner", &self.inner)
            .field("admission", &self.admission)
            .finish_non_exhaustive()
    }
}
