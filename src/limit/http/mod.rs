//! The layer that puts a limiter in front of a service.
//!
//! A request goes from [`service`] through [`admission`], which asks the limiter,
//! into the future that calls the inner service or answers itself.

pub(crate) mod admission;
pub mod future;
pub(crate) mod layer;
pub(crate) mod service;

pub use self::{
    admission::{Exempt, Weigh},
    layer::RateLimitLayer,
    service::RateLimit,
};
