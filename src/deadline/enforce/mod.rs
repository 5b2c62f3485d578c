//! The server's side of deadlines: ends requests when their caller no longer
//! waits for the response.

mod body;
mod caller_deadline;
mod entry;
pub mod future;
mod headers;
mod layer;
mod pending;
mod rejection_budget;
mod request_scope;
mod request_stub;
mod service;
mod settings;
mod trust;

pub(crate) use self::caller_deadline::CallerDeadline;
pub use self::{
    body::ResponseBody,
    layer::EnforceDeadlineLayer,
    service::EnforceDeadline,
    trust::{Trust, TrustPolicy},
};
