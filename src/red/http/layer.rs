//! The layer that counts HTTP requests and gRPC calls.

use std::{fmt, sync::Arc};

use http::Request;
use tower_layer::Layer;

use super::{
    classify::Classify,
    service::{Counting, Red, Setup},
};
use crate::red::{Registry, Side};

/// Counts requests: how many, how they ended, and how long they took.
///
/// The layer holds a handle of a [`Registry`]. Neither [`layer`](Layer::layer)
/// nor a clone makes new state: all routes, connections and clones count
/// together.
///
/// It stands before all other layers, so that it sees what they refuse (see
/// [the order](crate#the-order-of-layers)). With axum it goes into
/// `Router::layer`, where it sees which route has matched. See the
/// [module docs](crate::red) for how to use it.
#[derive(Clone)]
#[must_use]
pub struct RedLayer<C = (), R = (), X = ()> {
    /// Shared with the services. A router makes or clones one for each request.
    counting: Arc<Counting<C, R, X>>,
}

impl RedLayer {
    /// Returns a layer for requests that are received, over HTTP and gRPC.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use sluicegate::red::{RedLayer, Registry};
    ///
    /// let metrics = Registry::new();
    /// let app: Router = Router::new()
    ///     .route("/orders/{id}", get(|| async { "a book" }))
    ///     .layer(RedLayer::server(&metrics));
    /// # let _ = app;
    /// ```
    pub fn server(registry: &Registry) -> Self {
        Self::on(Side::Server, registry)
    }

    /// Returns a layer for requests that are sent, over HTTP and gRPC.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use sluicegate::red::{RedLayer, Registry, Template};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = Registry::new();
    /// let client = service_fn(async |_: Request<String>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    /// });
    /// let client = RedLayer::client(&metrics).layer(client);
    ///
    /// let mut request = Request::get("http://users.example/users/7").body(String::new()).unwrap();
    /// request.extensions_mut().insert(Template("/users/{id}"));
    /// drop(client.oneshot(request).await);
    /// let sent = metrics.snapshot().route("/users/{id}");
    /// assert_eq!(sent.series[0].labels.peer(), "users.example");
    /// # }
    /// ```
    pub fn client(registry: &Registry) -> Self {
        Self::on(Side::Client, registry)
    }

    /// Returns a layer that counts on this side.
    fn on(side: Side, registry: &Registry) -> Self {
        let setup = Setup {
            registry: registry.clone(),
            side,
            outside: false,
        };
        Self::of(setup, (), (), ())
    }
}

impl<C, R, X> RedLayer<C, R, X> {
    fn of(setup: Setup, classify: C, route: R, exempt: X) -> Self {
        let counting = Counting {
            setup,
            classify,
            route,
            exempt,
        };
        Self {
            counting: Arc::new(counting),
        }
    }
}

impl<C: Clone, R: Clone, X: Clone> RedLayer<C, R, X> {
    /// Takes the layer apart, because replacing a closure changes its type.
    fn into_parts(self) -> (Setup, C, R, X) {
        let Counting {
            setup,
            classify,
            route,
            exempt,
        } = Arc::unwrap_or_clone(self.counting);
        (setup, classify, route, exempt)
    }

    /// Sets how the outcome of a request is decided where its status is not
    /// enough: any [`Classify`], such as a closure.
    pub fn classify<C2: Classify>(self, classify: C2) -> RedLayer<C2, R, X> {
        let (setup, _, route, exempt) = self.into_parts();
        RedLayer::of(setup, classify, route, exempt)
    }

    /// Sets a function that finds the route of an HTTP request; gRPC calls have
    /// their methods instead.
    ///
    /// The result becomes a label, so there must be few different ones: the
    /// template of a route, never a path. `None` is counted as
    /// [`UNMATCHED`](crate::red::Labels::UNMATCHED). Unless set, the route is a
    /// [`Template`](crate::red::Template) among the request's extensions, or what
    /// axum has matched (with the feature `axum`). For a service that is nested
    /// by `nest_service`, axum only tells the path that it is nested at.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::red::{RedLayer, Registry};
    ///
    /// fn route(req: &Request<String>) -> Option<&str> {
    ///     match req.uri().path() {
    ///         "/orders" => Some("/orders"),
    ///         path if path.starts_with("/orders/") => Some("/orders/{id}"),
    ///         _ => None,
    ///     }
    /// }
    ///
    /// let metrics = Registry::new();
    /// let layer = RedLayer::server(&metrics).route(route);
    /// # let _ = layer;
    /// ```
    pub fn route<B, F>(self, route: F) -> RedLayer<C, F, X>
    where
        F: Fn(&Request<B>) -> Option<&str>,
    {
        let (setup, classify, _, exempt) = self.into_parts();
        RedLayer::of(setup, classify, route, exempt)
    }

    /// Expects a [`RecordRouteLayer`](crate::red::RecordRouteLayer) further in
    /// to report the route, because this layer is outside of the router. Within
    /// `Router::layer` of axum this is not needed.
    ///
    /// Until a route is reported, the request is counted as
    /// [`UNMATCHED`](crate::red::Labels::UNMATCHED).
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use sluicegate::red::{RecordRouteLayer, RedLayer, Registry};
    /// use tower::Layer;
    ///
    /// let metrics = Registry::new();
    /// let router: Router = Router::new()
    ///     .route("/orders/{id}", get(|| async { "a book" }))
    ///     .route_layer(RecordRouteLayer::new());
    /// let app = RedLayer::server(&metrics).outside().layer(router);
    /// # let _ = app;
    /// ```
    pub fn outside(mut self) -> Self {
        Arc::make_mut(&mut self.counting).setup.outside = true;
        self
    }

    /// Sets which requests are not counted, such as those for the metrics.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::red::{RedLayer, Registry};
    ///
    /// let metrics = Registry::new();
    /// let layer = RedLayer::server(&metrics)
    ///     .exempt(|req: &Request<String>| req.uri().path() == "/metrics");
    /// # let _ = layer;
    /// ```
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> RedLayer<C, R, F> {
        let (setup, classify, route, _) = self.into_parts();
        RedLayer::of(setup, classify, route, exempt)
    }
}

impl<S, C, R, X> Layer<S> for RedLayer<C, R, X> {
    type Service = Red<S, C, R, X>;

    fn layer(&self, inner: S) -> Self::Service {
        Red::new(inner, self.counting.clone())
    }
}

impl<C, R, X> fmt::Debug for RedLayer<C, R, X> {
    debug_opaque!(RedLayer);
}
