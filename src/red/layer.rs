use std::fmt;

use tower_layer::Layer;

use super::{
    registry::Registry,
    route::Side,
    service::{Counted, Red},
};

/// Counts requests: how many, what came of them, and how long they took.
///
/// It counts in a [`Registry`], which it holds a handle of. Neither
/// [`layer`](Layer::layer) nor a clone makes new state: all routes, connections
/// and clones count together. Put it outermost, so that it sees what other layers
/// refuse; in axum into [`Router::layer`], where it sees which route has matched.
/// See the [module docs](super) for how to use it.
#[derive(Clone)]
#[must_use]
pub struct RedLayer<C = (), R = (), X = ()> {
    counted: Counted<C, R, X>,
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
        let counted = Counted {
            registry: registry.clone(),
            side,
            classify: (),
            route: (),
            exempt: (),
        };
        Self { counted }
    }
}

impl<C, R, X> RedLayer<C, R, X> {
    /// What came of a request, for who knows better than its status does: any
    /// [`Classify`](super::Classify), such as a closure.
    pub fn classify<C2: super::Classify>(self, classify: C2) -> RedLayer<C2, R, X> {
        let Counted {
            registry,
            side,
            route,
            exempt,
            ..
        } = self.counted;
        let counted = Counted {
            registry,
            side,
            classify,
            route,
            exempt,
        };
        RedLayer { counted }
    }

    /// Which route a request of HTTP is on: any [`Route`](super::Route), such as a
    /// function. gRPC has its methods instead.
    pub fn route<R2>(self, route: R2) -> RedLayer<C, R2, X> {
        let Counted {
            registry,
            side,
            classify,
            exempt,
            ..
        } = self.counted;
        let counted = Counted {
            registry,
            side,
            classify,
            route,
            exempt,
        };
        RedLayer { counted }
    }

    /// Which requests are not counted, such as those for the metrics.
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> RedLayer<C, R, F> {
        let Counted {
            registry,
            side,
            classify,
            route,
            ..
        } = self.counted;
        let counted = Counted {
            registry,
            side,
            classify,
            route,
            exempt,
        };
        RedLayer { counted }
    }
}

impl<S, C: Clone, R: Clone, X: Clone> Layer<S> for RedLayer<C, R, X> {
    type Service = Red<S, C, R, X>;

    fn layer(&self, inner: S) -> Self::Service {
        Red::new(inner, self.counted.clone())
    }
}

impl<C, R, X> fmt::Debug for RedLayer<C, R, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedLayer").finish_non_exhaustive()
    }
}
