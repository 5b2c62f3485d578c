//! The server's side of deadlines: ends requests when nobody waits for their answer
//! any more.

mod body;
mod callers;
mod expiring_body;
pub mod future;
pub(super) mod headers;
mod layer;
mod pending;
mod rejection_budget;
pub(super) mod request_scope;
mod scoped_body;
mod service;
mod settings;
mod timer;
mod trust;

pub(crate) use self::callers::CallersDeadline;
pub use self::{
    body::ResponseBody,
    headers::Form,
    layer::EnforceDeadlineLayer,
    service::EnforceDeadline,
    trust::{Trust, Trusts},
};
