//! What can go wrong between a caller and its server.

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
