//! The addresses of servers: their syntax, how they are shown without secrets,
//! and the certificates of encrypted ones.

mod parse;
mod redact;
mod tls;

#[cfg(feature = "redis-tls")]
pub use self::tls::Tls;
#[cfg(not(feature = "redis-tls"))]
pub(crate) use self::tls::Tls;
pub(crate) use self::{
    parse::{address, addresses, primary, with_address},
    redact::redacted,
};
