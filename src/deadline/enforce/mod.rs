//! The server's side of deadlines: ends requests when their caller no longer
//! waits for the response.
//!
//! For each request, the [service](EnforceDeadline) asks `entry` how much time
//! it has. The `future` runs the handler in a `request_scope` until then, and
//! makes the response from the `pending` request; the `body` runs in the same
//! scope.

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
mod timer;
mod trust;

pub(crate) use self::caller_deadline::{CallerDeadline, is_chosen_by_caller};
pub use self::{
    body::ResponseBody, layer::EnforceDeadlineLayer, service::EnforceDeadline, trust::Trust,
};
