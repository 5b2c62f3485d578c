//! The error of a call, and its reduction to text that shows no secrets.

mod client_error;
mod redacted;
mod redirection;
mod redis_error;

pub use self::redis_error::{Error, ErrorKind};
pub(crate) use self::{
    client_error::{is_invalid_data, reason},
    redacted::RedactedError,
    redirection::Redirection,
};
