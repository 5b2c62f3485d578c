use std::fmt;

use http::Request;
use tower_layer::Layer;

use super::service::{Counting, Red};
use crate::red::{labels::Side, registry::Registry};

/// Counts requests: how many, what came of them, and how long they took.
///
/// It counts in a [`Registry`], which it holds a handle of. Neither
/// [`layer`](Layer::layer) nor a clone makes new state: all routes, connections
/// and clones count together. It stands before all other layers, so that it sees
/// what they refuse (see [the order](crate#the-order-of-layers)); in axum it goes
/// into `Router::layer`, where it sees which route has matched.
/// See the [module docs](super) for how to use it.
#[derive(Clone)]
#[must_use]
pub struct RedLayer<C = (), R = (), X = ()> {
    counting: Counting<C, R, X>,
}

impl RedLayer {
    /// For requests that are received, of HTTP and gRPC.
    pub fn server(registry: &Registry) -> Self {
        Self::on(Side::Server, registry)
    }

    /// For requests that are sent, of HTTP and gRPC.
    pub fn client(registry: &Registry) -> Self {
        Self::on(Side::Client, registry)
    }

    fn on(side: Side, registry: &Registry) -> Self {
        let counting = Counting {
            registry: registry.clone(),
            side,
            outside: false,
            classify: (),
            route: (),
            exempt: (),
        };
        Self { counting }
    }
}

impl<C, R, X> RedLayer<C, R, X> {
    /// What came of a request, for who knows better than its status does: any
    /// [`Classify`](crate::red::Classify), such as a closure.
    pub fn classify<C2: crate::red::Classify>(self, classify: C2) -> RedLayer<C2, R, X> {
        let Counting {
            registry,
            side,
            outside,
            route,
            exempt,
            ..
        } = self.counting;
        let counting = Counting {
            registry,
            side,
            outside,
            classify,
            route,
            exempt,
        };
        RedLayer { counting }
    }

    /// Which route a request of HTTP is on, for who knows better than axum or a
    /// [`Template`](crate::red::Template); see [`Route`](crate::red::Route). gRPC has its
    /// methods instead.
    pub fn route<B, F>(self, route: F) -> RedLayer<C, F, X>
    where
        F: Fn(&Request<B>) -> Option<&str>,
    {
        let Counting {
            registry,
            side,
            outside,
            classify,
            exempt,
            ..
        } = self.counting;
        let counting = Counting {
            registry,
            side,
            outside,
            classify,
            route,
            exempt,
        };
        RedLayer { counting }
    }

    /// The layer is outside of a router, so that no route has matched yet when a
    /// request comes. (Within `Router::layer` of axum this is not needed.) A [`RecordRouteLayer`](crate::red::RecordRouteLayer) inside of it tells
    /// which. Until then, and if nothing tells, it is [`Labels::UNMATCHED`](crate::red::UNMATCHED).
    pub fn outside(mut self) -> Self {
        self.counting.outside = true;
        self
    }

    /// Which requests are not counted, such as those for the metrics.
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> RedLayer<C, R, F> {
        let Counting {
            registry,
            side,
            outside,
            classify,
            route,
            ..
        } = self.counting;
        let counting = Counting {
            registry,
            side,
            outside,
            classify,
            route,
            exempt,
        };
        RedLayer { counting }
    }
}

impl<S, C: Clone, R: Clone, X: Clone> Layer<S> for RedLayer<C, R, X> {
    type Service = Red<S, C, R, X>;

    fn layer(&self, inner: S) -> Self::Service {
        Red::new(inner, self.counting.clone())
    }
}

impl<C, R, X> fmt::Debug for RedLayer<C, R, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedLayer").finish_non_exhaustive()
    }
}
