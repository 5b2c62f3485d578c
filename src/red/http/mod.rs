//! Counting HTTP requests and gRPC calls: the layers, and what they read of a
//! request and of its response.
//!
//! A request passes through three states, each a type that owns the
//! [guard](super::registry::guard::Guard): a [`RequestSpan`](span::RequestSpan)
//! until the response begins, a [`ResponseSpan`](span::ResponseSpan)
//! until the body ends, and then nothing. Whatever drops the guard before
//! counts a cancellation:
//!
//! ```text
//! owner            what happens                      what is counted
//! Red::call        the request arrives               a start
//! ResponseFuture   the service answers               a head
//!                  the service fails or panics       an end
//! ResponseBody     the last frame is taken           an end
//!                  the body fails or panics          an end
//! any of them      it is dropped                     an end, `cancelled`
//! ```
//!
//! A layer outside of a router counts the start before the route is known. Then
//! a [`RouteSlot`](route_slot::RouteSlot) in the request's extensions lets a
//! [`RecordRouteLayer`] report the route, and the request moves to its series.

mod body;
mod classify;
pub(super) mod default_classify;
#[cfg(feature = "grpc")]
mod descriptors;
pub mod future;
pub(super) mod http_methods;
mod layer;
pub(super) mod methods;
pub(crate) mod on_panic;
mod record_route;
mod route;
pub(super) mod route_slot;
mod service;
mod span;

pub use self::{
    body::ResponseBody,
    classify::{Classify, RequestEnd},
    layer::RedLayer,
    methods::Methods,
    record_route::{RecordRoute, RecordRouteLayer},
    route::Template,
    service::Red,
};
pub(crate) use self::{
    default_classify::refusal_in,
    span::{Ended, ResponseEnd, own as own_refusal},
};
