//! The service that counts HTTP requests and gRPC calls.

use std::{
    fmt,
    sync::Arc,
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
use crate::{
    content::BodyAllowed,
    exempt::Exempt,
    red::{Registry, Side},
    refusal::{BoxError, PassedRequest},
};

/// A service whose requests are counted; made by a
/// [`RedLayer`](crate::red::RedLayer).
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
/// Clones count in the same registry.
#[derive(Clone)]
pub struct Red<S, C = (), R = (), X = ()> {
    inner: S,
    counting: Arc<Counting<C, R, X>>,
}

/// How requests are counted. A layer and all its services share it.
///
/// Apart from the cache line of its reference count, which all threads write:
/// each request reads this, and a router clones the service for each.
#[repr(align(64))]
#[derive(Clone)]
pub(crate) struct Counting<C, R, X> {
    pub(crate) setup: Setup,
    /// Decides outcomes; see [`Classify`].
    pub(crate) classify: C,
    /// Finds the route; see [`Route`].
    pub(crate) route: R,
    /// Decides which requests are not counted.
    pub(crate) exempt: X,
}

/// The settings that do not depend on the types of closures.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) registry: Registry,
    pub(crate) side: Side,
    /// Whether a layer inside of the router reports the route.
    pub(crate) outside: bool,
}

impl<S, C, R, X> Red<S, C, R, X> {
    pub(crate) fn new(inner: S, counting: Arc<Counting<C, R, X>>) -> Self {
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
        // Started before the inner service is called, so that a panic in its
        // `call` is counted.
        let mut span = self.counting.start(&mut req);
        let watch = on_panic::watch(&mut span, RequestSpan::panic);
        let inner = self.inner.call(req);
        watch.returned();
        // Not through a function, which would move the inner future once more.
        ResponseFuture { inner, span }
    }
}

impl<C, R, X> Counting<C, R, X> {
    /// Counts the start of a request; `None` if it is exempt. Leaves a slot for
    /// the route in the request if that may be reported later, and a mark by
    /// which refusals of this very request are known.
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
        let Setup {
            registry,
            side,
            outside,
        } = &self.setup;
        let counted_as = side.counted_as(req, self.route.route(req), registry.settings());
        let may_move = counted_as.may_move() && (*outside || is_in_router(req));
        let (streams, grpc) = (counted_as.streams, counted_as.grpc);
        let mut guard = registry.start(counted_as.labels, Some(req.headers()));
        if streams {
            guard.stream();
        }
        if may_move {
            // The slot of an outer layer is replaced by ours, which passes
            // reports on to it.
            let outer = req.extensions_mut().remove();
            req.extensions_mut().insert(guard.slot(outer).clone());
        }
        let passed = PassedRequest::noted(req.extensions_mut());
        Some(RequestSpan {
            guard,
            passed,
            classify: self.classify.clone(),
            body: BodyAllowed::to(req.method()),
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
