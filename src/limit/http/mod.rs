//! The layer that puts a limiter in front of a service.
//!
//! `service` asks `admission` about each request. A request that passes at once
//! goes to the inner service; one that waits or is refused goes into `future`.

mod admission;
mod admit;
pub mod future;
mod layer;
mod service;
mod weigh;

pub use self::{layer::RateLimitLayer, service::RateLimit};
