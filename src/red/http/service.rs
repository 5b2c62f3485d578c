use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    classify::Classify,
    future::ResponseFuture,
    on_panic,
    route::{Route, is_in_router},
    span::RequestSpan,
};
use crate::red::{labels::Side, registry::Registry};
use crate::{
    content::Allowed,
    exempt::Exempt,
    refusal::{BoxError, PassedRequest},
};

/// A service whose requests are counting; made by a [`RedLayer`](crate::red::RedLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones count in the same registry.
#[derive(Clone)]
pub struct Red<S, C = (), R = (), X = ()> {
    inner: S,
    counting: Counting<C, R, X>,
}

/// How requests are counted.
#[derive(Clone)]
pub(crate) struct Counting<C, R, X> {
    pub(crate) registry: Registry,
    pub(crate) side: Side,
    pub(crate) outside: bool,
    pub(crate) classify: C,
    pub(crate) route: R,
    pub(crate) exempt: X,
}

impl<S, C, R, X> Red<S, C, R, X> {
    pub(crate) fn new(inner: S, counting: Counting<C, R, X>) -> Self {
        Self { inner, counting }
    }

    inner_accessors!(S);
}

impl<S, B, D, C, R, X> Service<Request<B>> for Red<S, C, R, X>
where
    S: Service<Request<B>, Response = Response<D>, Error: 'static>,
    D: Body<Error: Into<BoxError>>,
    C: Classify + Clone,
    R: Route<B>,
    X: Exempt<Request<B>>,
{
    type Response = Response<ResponseBody<D, C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let mut span = self.counting.start(&mut req);
        let inner = on_panic::run(&mut span, RequestSpan::panic, || self.inner.call(req));
        ResponseFuture::new(inner, span)
    }
}

impl<C, R, X> Counting<C, R, X> {
    #[inline]
    fn start<B>(&self, req: &mut Request<B>) -> Option<RequestSpan<C>>
    where
        C: Clone,
        R: Route<B>,
        X: Exempt<Request<B>>,
    {
        if self.exempt.is_exempt(req) {
            return None;
        }
        let counted_as = self
            .side
            .counted_as(req, self.route.route(req), self.registry.settings());
        let is_told_later = counted_as.may_move() && (self.outside || is_in_router(req));
        let (streams, grpc) = (counted_as.streams, counted_as.grpc);
        let mut guard = self.registry.start(counted_as.labels, Some(req.headers()));
        if streams {
            guard.stream();
        }
        if is_told_later {
            let outer = req.extensions_mut().remove();
            req.extensions_mut().insert(guard.slot(outer).clone());
        }
        let passed = PassedRequest::noted(req.extensions_mut());
        Some(RequestSpan {
            guard,
            passed,
            classify: self.classify.clone(),
            body: Allowed::to(req.method()),
            grpc,
        })
    }
}

impl<S: fmt::Debug, C, R, X> fmt::Debug for Red<S, C, R, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Red")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
