//! The service that a [`RateLimitLayer`](crate::limit::RateLimitLayer) makes.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    admission::LimitAdmission,
    admit::Admit,
    future::{ResponseFuture, State},
    pending::{PendingCheck, ReadyCall},
    pending_mark::PendingMark,
    weigh::Weigh,
};
use crate::{
    exempt::Exempt,
    key::{Global, Key},
    limit::limiter::{Backend, Limiter},
    refusal::{Answer, Origin, Refusal, Refuse},
};

/// A service behind a limit; made by a
/// [`RateLimitLayer`](crate::limit::RateLimitLayer).
///
/// It is ready when the inner service is ready, and reserves nothing in
/// `poll_ready`. Clones share the limiter.
///
/// A request that passes at once is given to the instance that was ready. A
/// request that waits takes that instance along, and a clone stays, so the
/// inner service has to be `Clone`. A refused request drops the ready instance,
/// which gives back whatever its readiness has reserved.
///
/// The type parameters after the limiter have the defaults of a layer, so a
/// struct can name the service:
///
/// ```
/// use sluicegate::{key::ClientIp, limit::{Local, Quota, RateLimit, RateLimitLayer, TokenBucket}};
/// use tower::Layer;
///
/// struct Orders;
///
/// struct Gateway {
///     /// A limit for each client.
///     orders: RateLimit<Orders, Local<TokenBucket>, ClientIp>,
/// }
///
/// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(100)));
/// let gateway = Gateway {
///     orders: RateLimitLayer::new(limiter).key(ClientIp::peer()).layer(Orders),
/// };
/// let _: &Orders = gateway.orders.get_ref();
/// ```
///
/// A [cost](crate::limit::RateLimitLayer::cost) or an
/// [exemption](crate::limit::RateLimitLayer::exempt) can be named if it is a
/// function pointer, such as `fn(&Request<Body>) -> Cost`.
#[derive(Clone)]
pub struct RateLimit<S, L, K = Global, C = (), X = (), A = Answer> {
    inner: S,
    admission: Arc<LimitAdmission<L, K, C, X, A>>,
}

impl<S, L, K, C, X, A> RateLimit<S, L, K, C, X, A> {
    /// Wraps a service. The layer and all clones share the admission.
    pub(super) fn new(inner: S, admission: Arc<LimitAdmission<L, K, C, X, A>>) -> Self {
        Self { inner, admission }
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
    A: Refuse<Req, S::Response, S::Error>,
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
        let admission = &self.admission;
        // Each with a constant, so that a request that is not marked makes no
        // numbers.
        let admit = match admission.answer.marks() {
            true => admission.decide(&req, true),
            false => admission.decide(&req, false),
        };
        let mark = match admit {
            Admit::Pass(mark) => mark,
            Admit::Wait(pending) => return self.wait(pending, req),
            Admit::Refuse(refusal) => return self.refuse(refusal, req),
        };
        // In one expression, and not through a function: each move of the
        // response's future costs as much as a decision.
        ResponseFuture {
            state: State::Calling {
                response: self.inner.call(req),
                mark: PendingMark::new(mark, &self.admission),
            },
        }
    }
}

impl<S, L, K, C, X, A> RateLimit<S, L, K, C, X, A> {
    /// Makes the future of a request whose decision is pending.
    #[cold]
    fn wait<Req>(
        &mut self,
        mut pending: PendingCheck<S, Req, L, K, C, X, A>,
        req: Req,
    ) -> ResponseFuture<S, Req, L, K, C, X, A>
    where
        S: Service<Req> + Clone,
        Req: 'static,
        L: Backend,
    {
        // Only the instance that was polled is ready, so it goes into the future
        // and a clone takes its place.
        let clone = self.inner.clone();
        let origin = Origin::of_any(&req);
        let call = ReadyCall {
            service: mem::replace(&mut self.inner, clone),
            request: req,
            admission: self.admission.clone(),
        };
        pending.as_mut().hold_call(origin, call);
        ResponseFuture::checking(pending)
    }

    /// Makes the future of a request that is refused.
    #[cold]
    fn refuse<Req>(&mut self, refusal: Refusal, req: Req) -> ResponseFuture<S, Req, L, K, C, X, A>
    where
        S: Service<Req> + Clone,
        Req: 'static,
        L: Backend,
        A: Refuse<Req, S::Response, S::Error>,
    {
        // Dropping the ready instance gives back what its readiness reserved,
        // such as a permit of a concurrency limit.
        self.inner = self.inner.clone();
        let refusal = refusal.answering(Origin::of_any(&req));
        ResponseFuture::answered(self.admission.answer.refuse(refusal, &req))
    }
}

impl<S: fmt::Debug, L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug> fmt::Debug
    for RateLimit<S, L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner)
            .field("admission", &self.admission)
            .finish()
    }
}
