//! The HTTP half: the layer, what it reads of a request, and what it keeps of a
//! response. It stands on the parent module, which needs no HTTP.
//!
//! A request goes through `service`, `request::key_extractor`, `executor` and
//! `handler`; its response goes through `retention` and `body`.

mod body;
mod configure;
mod executor;
pub mod future;
mod handler;
mod latency;
mod layer;
mod request;
mod retention;
mod service;
mod settings;

pub use self::{
    body::{BufferedBody, FromBuffered, ResponseBody},
    layer::IdempotencyLayer,
    request::{ByKey, CanonicalJson, GlobalScope},
    retention::StoreDecision,
    service::Idempotency,
};
