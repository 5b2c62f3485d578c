//! Telling the route to a layer outside of the router.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use http::{Method, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::route::{Route, is_service};
use crate::red::registry::series::Stripe;

/// Where a layer outside of the router is told which route has matched. It is
/// among the extensions of a request.
#[derive(Clone, Debug)]
pub(crate) struct RouteSlot(Arc<SlotState>);

#[derive(Debug)]
struct SlotState {
    unmatched: Arc<Stripe>,
    routed: OnceLock<Arc<Stripe>>,
    /// That of a layer further out, which is told the same.
    outer: Option<RouteSlot>,
}

impl RouteSlot {
    pub(crate) fn new(unmatched: &Arc<Stripe>, outer: Option<Self>) -> Self {
        Self(Arc::new(SlotState {
            unmatched: Arc::clone(unmatched),
            routed: OnceLock::new(),
            outer,
        }))
    }

    /// Where the request is counted, of which nobody is told otherwise from now on.
    pub(crate) fn settled(&self) -> &Arc<Stripe> {
        let SlotState {
            unmatched, routed, ..
        } = &*self.0;
        routed.get_or_init(|| Arc::clone(unmatched))
    }

    /// From now on the request is counted as of this route, as if it had been from
    /// the beginning. The first word counts.
    fn mark(&self, route: &str, method: &Method) {
        let SlotState {
            unmatched,
            routed,
            outer,
        } = &*self.0;
        // What began as a call of gRPC is one, if that is a service of gRPC.
        let is_call = unmatched.common.labels.kind().is_grpc() && is_service(route);
        let moved = || match is_call {
            true => None,
            false => unmatched.moved_to(route, method),
        };
        routed.get_or_init(|| moved().unwrap_or_else(|| Arc::clone(unmatched)));
        if let Some(outer) = outer {
            outer.mark(route, method);
        }
    }
}

/// Tells a [`RedLayer`](crate::red::RedLayer) outside of a router which route has
/// matched. It goes inside of the router, where that is known; the other one has
/// to expect it: [`RedLayer::outside`](crate::red::RedLayer::outside).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::{Router, body::Body, routing::get};
/// use http::{Method, Request};
/// use sluicegate::red::{RecordRouteLayer, RedLayer, Registry};
/// use tower::{Layer, ServiceExt};
///
/// let router: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "a book" }))
///     .route_layer(RecordRouteLayer::new());
///
/// let metrics = Registry::new();
/// let app = RedLayer::server(&metrics).outside().layer(router);
/// let request = Request::get("/orders/7").body(Body::empty()).unwrap();
/// drop(app.oneshot(request).await);
/// assert_eq!(metrics.snapshot().route("/orders/{id}").started(), 1);
/// # }
/// ```
///
/// # Nested services
///
/// Which path of a service that is [nested][axum_nested] has matched, axum tells
/// nobody, so a [`RedLayer`](crate::red::RedLayer) of the router counts its requests as
/// [`UNMATCHED`](crate::red::UNMATCHED). Around the service this layer tells where it is
/// nested. If the service is a router, put this layer into that one: it knows more.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::{Router, body::Body, response::Response};
/// use http::Request;
/// use sluicegate::red::{RecordRouteLayer, RedLayer, Registry};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let files = service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("a file"))));
///
/// let metrics = Registry::new();
/// let app: Router = Router::new()
///     .nest_service("/files", RecordRouteLayer::new().layer(files))
///     .layer(RedLayer::server(&metrics));
/// let request = Request::get("/files/a/b.txt").body(Body::empty()).unwrap();
/// drop(app.oneshot(request).await);
/// assert_eq!(metrics.snapshot().route("/files").started(), 1);
/// # }
/// ```
///
/// [axum_nested]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest_service
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct RecordRouteLayer<R = ()> {
    route: R,
}

impl RecordRouteLayer {
    /// Tells what axum has matched, or where a service is nested (with the feature
    /// `axum`).
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R> RecordRouteLayer<R> {
    /// Which route a request is on, for who knows better; see [`Route`].
    pub fn route<B, F>(self, route: F) -> RecordRouteLayer<F>
    where
        F: Fn(&Request<B>) -> Option<&str>,
    {
        RecordRouteLayer { route }
    }
}

impl<S, R: Clone> Layer<S> for RecordRouteLayer<R> {
    type Service = RecordRoute<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let route = self.route.clone();
        RecordRoute { inner, route }
    }
}

/// A service on a route; made by a [`RecordRouteLayer`].
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`.
#[derive(Clone)]
pub struct RecordRoute<S, R = ()> {
    inner: S,
    route: R,
}

impl<S, B, R> Service<Request<B>> for RecordRoute<S, R>
where
    S: Service<Request<B>>,
    R: Route<B>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> S::Future {
        if let Some(slot) = req.extensions().get::<RouteSlot>()
            && let Some(route) = self.route.route(&req)
        {
            slot.mark(route, req.method());
        }
        self.inner.call(req)
    }
}

impl<S: fmt::Debug, R> fmt::Debug for RecordRoute<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordRoute")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
