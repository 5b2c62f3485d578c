//! The service that tracks requests.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody, future::ResponseFuture, pending::PendingRequest, settings::LayerSettings,
};
use crate::{
    drain::{
        observe::Event,
        state::DrainState,
        work::{Ticket, WorkName},
    },
    exempt::Exempt,
    refusal::{Answer, BoxError, Origin, Reason, Refusal, Refuse},
};

/// A service whose requests a drain waits for; made by a
/// [`DrainLayer`](crate::drain::DrainLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
#[derive(Clone)]
pub struct Draining<S, X = (), A = Answer> {
    inner: S,
    state: Arc<DrainState>,
    settings: Arc<LayerSettings<X, A>>,
}

impl<S, X, A> Draining<S, X, A> {
    pub(super) fn new(
        inner: S,
        state: Arc<DrainState>,
        settings: Arc<LayerSettings<X, A>>,
    ) -> Self {
        Self {
            inner,
            state,
            settings,
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, X, A> Service<Request<B>> for Draining<S, X, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data: From<Bytes>, Error: Into<BoxError>>,
    X: Exempt<Request<B>>,
    A: Refuse<Request<()>, Response<R>, S::Error>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, X, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        if self.settings.exempt.is_exempt(&req) {
            return ResponseFuture::exempt(self.inner.call(req));
        }
        let Ok(ticket) = Ticket::enter(&self.state, WorkName::of(&req)) else {
            return self.refuse(req);
        };
        let mut pending = PendingRequest::new(ticket, &req, self.settings.clone());
        let inside = pending.tracked.enter();
        let response = self.inner.call(req);
        drop(inside);
        ResponseFuture::tracked(response, pending)
    }
}

impl<S, X, A> Draining<S, X, A> {
    #[cold]
    fn refuse<B, R>(&mut self, req: Request<B>) -> ResponseFuture<S::Future, X, A>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: Refuse<Request<()>, Response<R>, S::Error>,
    {
        self.state.notice(&Event::Refused);
        // Releases what the ready service has reserved, because it is not
        // called.
        self.inner = self.inner.clone();
        let version = req.version();
        let refusal = Refusal::because(Reason::Draining).answering(Origin::of(req.extensions()));
        let answer = self.settings.answer.refuse(refusal, &req.map(drop));
        ResponseFuture::answered(answer, version)
    }
}

impl<S: fmt::Debug, X, A> fmt::Debug for Draining<S, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining")
            .field("inner", &self.inner)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
