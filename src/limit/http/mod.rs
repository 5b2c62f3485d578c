//! The layer that puts a limiter in front of a service.
//!
//! `service` asks `admission` about each request, and `settings` acts on the
//! decision. A request that passes at once goes to the inner service. One that
//! waits or is refused goes into `future`, which polls its `pending` check.

mod admission;
mod admit;
pub mod future;
mod layer;
mod pending;
mod service;
mod settings;
mod weigh;

pub use self::{layer::RateLimitLayer, service::RateLimit};
