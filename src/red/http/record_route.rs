//! The layer that reports the matched route from inside of a router to a layer
//! around it.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::{route::Route, route_slot::RouteSlot};

/// Reports the route that has matched to a [`RedLayer`](crate::red::RedLayer)
/// around the router.
///
/// It goes inside of the router, where the route is known. The outer layer has
/// to expect a report: see
/// [`RedLayer::outside`](crate::red::RedLayer::outside).
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
/// Axum does not tell which path of a [nested service][axum_nested] has
/// matched, so a [`RedLayer`](crate::red::RedLayer) of the router counts its
/// requests as [`UNMATCHED`](crate::red::Labels::UNMATCHED). Around the nested
/// service, this layer reports the path that it is nested at. If the service is
/// a router itself, put this layer into that router instead, where the whole
/// route is known.
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
/// [axum_nested]:
/// https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest_service
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct RecordRouteLayer<R = ()> {
    route: R,
}

impl RecordRouteLayer {
    /// Returns a layer that reports what axum has matched, or where a service
    /// is nested. This needs the feature `axum`; without it, set
    /// [`route`](Self::route).
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R> RecordRouteLayer<R> {
    /// Sets a function that finds the route, instead of asking axum. Its result
    /// becomes a label, so it has to be the template of a route, never a path.
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

/// A service that reports its route; made by a [`RecordRouteLayer`].
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
            slot.report(route, req.method());
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
