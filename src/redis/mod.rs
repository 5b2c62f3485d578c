//! Connections to Redis, and the scripts that run there.

mod attempt;
mod breaker;
mod builder;
mod cluster;
mod connection;
mod dial;
mod error;
mod node;
mod redirection;
mod script;
mod sentinel;
mod server;
mod settings;
mod stats;
#[cfg(feature = "redis-tls")]
mod tls;
#[cfg(not(feature = "redis-tls"))]
#[path = "no_tls.rs"]
mod tls;
mod topology;

#[cfg(feature = "redis-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
pub use self::tls::Tls;
pub use self::{
    builder::Builder,
    connection::Connection,
    error::{Error, ErrorKind},
    script::Script,
    server::Server,
    stats::Stats,
};
