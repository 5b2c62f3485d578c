//! The service that a [`ConcurrencyLayer`](crate::concurrency::ConcurrencyLayer)
//! makes.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    admission::{Arrival, ConcurrencyAdmission},
    body::ResponseBody,
    decided::{Admittance, NoPermit},
    future::ResponseFuture,
    held_request::HeldRequest,
    queued_call::{QueuedCall, ReadyService, take_ready},
};
use crate::{
    concurrency::{local::Permits, priority::Prioritize},
    exempt::Exempt,
    key::{Global, Key},
    refusal::{Answer, Origin, Refuse},
};

/// A service behind a limit of concurrency; made by a
/// [`ConcurrencyLayer`](crate::concurrency::ConcurrencyLayer).
///
/// It is ready when the inner service is ready, and takes no permit in
/// `poll_ready`. Clones share the limiter.
///
/// A request that passes at once is given to the instance that was ready. A
/// request that waits takes that instance along, and a clone stays, so the
/// inner service has to be `Clone`. A refused request drops the ready instance,
/// which gives back whatever its readiness has reserved.
pub struct Concurrency<S, L, K = Global, P = (), X = (), A = Answer> {
    inner: S,
    admission: Arc<ConcurrencyAdmission<L, K, P, X, A>>,
}

impl<S, L, K, P, X, A> Concurrency<S, L, K, P, X, A> {
    /// Wraps a service. The layer and all clones share the admission.
    pub(super) fn new(inner: S, admission: Arc<ConcurrencyAdmission<L, K, P, X, A>>) -> Self {
        Self { inner, admission }
    }

    inner_accessors!(S);
}

impl<S, B, D, L, K, P, X, A> Service<Request<B>> for Concurrency<S, L, K, P, X, A>
where
    S: Service<Request<B>, Response = Response<D>, Error: 'static> + Clone,
    D: Body<Error: 'static>,
    K: Key<Request<B>>,
    P: Prioritize<Request<B>>,
    X: Exempt<Request<B>>,
    A: Refuse<Request<B>, Response<D>, S::Error>,
    for<'a> L: Permits<K::Key<'a>>,
{
    type Response = Response<ResponseBody<D>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, L, K, P, X, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let Self { inner, admission } = self;
        if admission.is_exempt(&req) {
            return ResponseFuture::call(inner, req, HeldRequest::default());
        }
        let arrival = admission.arrival(&req);
        match admission.ask(&req, arrival.rank) {
            Ok(permit) => {
                let settings = &admission.settings;
                let mut held = HeldRequest::new(Some(permit), &req, arrival.level, settings);
                held.read(&mut req, false, settings.count_upgrades);
                admission.admitted_at_once(&held);
                ResponseFuture::calling(held.call(inner, req), held)
            }
            Err(reason) => self.without_permit(req, arrival, reason),
        }
    }
}

impl<S, L, K, P, X, A> Concurrency<S, L, K, P, X, A> {
    /// Makes the future of a request that does not pass at once.
    #[cold]
    #[inline(never)]
    fn without_permit<B>(
        &mut self,
        mut req: Request<B>,
        arrival: Arrival,
        reason: NoPermit,
    ) -> ResponseFuture<S, B, L, K, P, X, A>
    where
        S: Service<Request<B>> + Clone,
        K: Key<Request<B>>,
        A: Refuse<Request<B>, S::Response, S::Error>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        let origin = Origin::of(req.extensions());
        match self.admission.without_permit(&mut req, arrival, reason) {
            Admittance::Pass => ResponseFuture::call(&mut self.inner, req, HeldRequest::default()),
            Admittance::Hold(held) => ResponseFuture::call(&mut self.inner, req, held),
            Admittance::Wait(waiting, queued) => {
                // Only the instance that was polled is ready, so it goes into
                // the future.
                let ready = ReadyService {
                    service: take_ready(&mut self.inner),
                    request: req,
                    admission: self.admission.clone(),
                };
                ResponseFuture::queued(QueuedCall::new(waiting, queued, origin, ready))
            }
            Admittance::Refuse(refusal) => {
                // Dropping the ready instance gives back what its readiness
                // reserved.
                drop(take_ready(&mut self.inner));
                let refusal = refusal.answering(origin);
                ResponseFuture::answered(self.admission.answer.refuse(refusal, &req))
            }
        }
    }
}

impl<S: Clone, L, K, P, X, A> Clone for Concurrency<S, L, K, P, X, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            admission: self.admission.clone(),
        }
    }
}

#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl<S, L, K, P, X, A> tonic::server::NamedService for Concurrency<S, L, K, P, X, A>
where
    S: tonic::server::NamedService,
{
    const NAME: &'static str = S::NAME;
}

impl<S: fmt::Debug, L: fmt::Debug, K: fmt::Debug, P: fmt::Debug, X, A: fmt::Debug> fmt::Debug
    for Concurrency<S, L, K, P, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrency")
            .field("inner", &self.inner)
            .field("admission", &self.admission)
            .finish()
    }
}
