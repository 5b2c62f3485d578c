//! The error of a call, and its reduction to text that shows no secrets.

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
