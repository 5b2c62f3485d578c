//! The slot in a request's extensions through which an inner layer reports the
//! route to an outer one.
//!
//! A [`RedLayer`](super::RedLayer) outside of a router starts to count a
//! request before any route has matched. It leaves a slot in the request, and a
//! [`RecordRouteLayer`](super::RecordRouteLayer) inside of the router fills it.

use std::sync::{Arc, OnceLock};

use http::Method;

use super::route::is_service;
use crate::red::{Kind, LabelsRef, registry::stripe::Stripe};

/// Where the route of one request is reported.
#[derive(Clone, Debug)]
pub(crate) struct RouteSlot(Arc<SlotState>);

/// The state that the outer layer, the request and the inner layer share.
#[derive(Debug)]
struct SlotState {
    /// Where the request started, without a route.
    unmatched: Arc<Stripe>,
    /// Where it is counted now. Set once, by the first report or by the guard.
    routed: OnceLock<Arc<Stripe>>,
    /// The slot of a layer further out, which gets the same report.
    outer: Option<RouteSlot>,
}

impl RouteSlot {
    /// Returns an empty slot for a request that started in this stripe.
    pub(crate) fn new(unmatched: &Arc<Stripe>, outer: Option<Self>) -> Self {
        Self(Arc::new(SlotState {
            unmatched: Arc::clone(unmatched),
            routed: OnceLock::new(),
            outer,
        }))
    }

    /// Returns the stripe that counts the request, and ignores later reports.
    pub(crate) fn settled(&self) -> &Arc<Stripe> {
        let SlotState {
            unmatched, routed, ..
        } = &*self.0;
        routed.get_or_init(|| Arc::clone(unmatched))
    }

    /// Counts the request under this route, as if it had started there. Only
    /// the first report has an effect.
    pub(super) fn report(&self, route: &str, method: &Method) {
        let SlotState {
            unmatched,
            routed,
            outer,
        } = &*self.0;
        // A gRPC call that reaches a gRPC service stays a gRPC call.
        let is_call = unmatched.common.labels.kind().is_grpc() && is_service(route);
        let moved = || match is_call {
            true => None,
            false => moved_to(unmatched, route, method),
        };
        routed.get_or_init(|| moved().unwrap_or_else(|| Arc::clone(unmatched)));
        if let Some(outer) = outer {
            outer.report(route, method);
        }
    }
}

/// Moves a request to the series of this route.
fn moved_to(unmatched: &Stripe, route: &str, method: &Method) -> Option<Arc<Stripe>> {
    let labels = LabelsRef {
        method: unmatched.settings().http_methods.label(method),
        ..LabelsRef::of(Kind::HttpServer, route)
    };
    let routed = unmatched.move_to(|series| series.stripe_of(labels))?;
    unmatched.leave();
    Some(routed)
}
