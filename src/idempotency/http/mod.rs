//! The HTTP half: the layer, what it reads of a request, and what it keeps of a
//! response. The half below it, which needs no HTTP, is in the parent module.
//!
//! A request goes through `service`, `request::key_extractor`, `executor` and
//! `handler`; its response through `retention` and `body`.

mod body;
mod executor;
pub mod future;
mod handler;
mod latency;
mod layer;
mod presets;
mod request;
mod retention;
mod service;
mod settings;

pub use self::{
    body::{BufferedBody, FromBuffered, ResponseBody},
    layer::IdempotencyLayer,
    request::{
        Always, ByKey, CanonicalJson, GlobalScope, Principal, PrincipalSource, Required, Scoped,
        Unscoped,
    },
    retention::StoreDecision,
    service::Idempotency,
};
