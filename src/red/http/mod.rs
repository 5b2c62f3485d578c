//! Counting requests of HTTP and gRPC: the layers, and what they read of a request.

mod body;
mod classify;
pub(super) mod default_classify;
#[cfg(feature = "grpc")]
mod descriptors;
pub mod future;
pub(super) mod http_methods;
mod layer;
pub(super) mod methods;
pub(super) mod on_panic;
mod record_route;
mod response_span;
mod route;
pub(super) mod route_slot;
mod service;
mod span;

#[cfg(feature = "grpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
pub use self::descriptors::DescriptorError;
pub use self::{
    body::ResponseBody,
    classify::{Classify, RequestEnd},
    layer::RedLayer,
    methods::Methods,
    record_route::{RecordRoute, RecordRouteLayer},
    route::{Route, Template},
    service::Red,
};
