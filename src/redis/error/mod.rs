//! The error of a call, and its reduction to text that shows no secrets.
//!
//! redis-rs's own errors are never handed on: they repeat what the server said,
//! and that may repeat keys, users and passwords. `redacted` keeps the code of
//! a server's error, `client_error` the kind of any other one.

mod client_error;
mod error_kind;
mod redacted;
mod redirection;
mod redis_error;

pub(crate) use self::{
    client_error::{is_invalid_data, reason},
    redacted::RedactedError,
    redirection::Redirection,
};
pub use self::{error_kind::ErrorKind, redis_error::Error};
