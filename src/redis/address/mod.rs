//! The addresses of servers: their syntax, how they are shown without secrets,
//! and the certificates of encrypted ones.
//!
//! `server` keeps the addresses as the user gave them. They are parsed when the
//! connection is built, so that an error names the part that is wrong. No
//! address is shown without `redact`, because a password may stand in any part
//! of it.

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
