//! The layer and its settings.

use http::HeaderName;
use tower_layer::Layer;

use super::service::PropagateCriticality;
use crate::criticality::HEADER;

/// Tells the services that a client calls how important a call is.
///
/// It wraps tonic channels, hyper-util's clients, and any other service that
/// takes [`http::Request`]s. The level of a call is the lower of these:
///
/// * that of the request that the call is for: the [current](super::super::current)
///   one;
/// * that of the call: a [`Criticality`](crate::criticality::Criticality) among
///   its extensions, or else in its header.
///
/// If there is only one of them, it counts. If there is none, the call passes
/// unchanged. The level is written into the header `x-criticality`, in place of
/// any that is there; over gRPC, that is metadata.
///
/// Readiness, responses and errors are the inner service's. Put the layer
/// outside of layers that call from another task, such as `tower::buffer`,
/// because the current level is unknown there.
///
/// ```
/// use http::{HeaderName, Request};
/// use sluicegate::criticality::{Criticality, PropagateCriticalityLayer};
///
/// let layer = PropagateCriticalityLayer::new().header(HeaderName::from_static("x-importance"));
/// // A call that is less important than the request that it is for.
/// let mut prefetch = Request::new(());
/// prefetch.extensions_mut().insert(Criticality::Sheddable);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PropagateCriticalityLayer {
    header: HeaderName,
}

impl PropagateCriticalityLayer {
    /// Returns a layer that writes `x-criticality`.
    pub const fn new() -> Self {
        Self { header: HEADER }
    }

    /// Sets the name of the header.
    pub fn header(self, header: HeaderName) -> Self {
        Self { header }
    }
}

impl Default for PropagateCriticalityLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for PropagateCriticalityLayer {
    type Service = PropagateCriticality<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PropagateCriticality::new(inner, self.header.clone())
    }
}
