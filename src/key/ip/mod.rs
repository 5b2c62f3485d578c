//! The key that is the client's address, also behind proxies that are trusted.

mod client;
mod client_ip;
mod embedded;
mod forwarded;
mod peer;
mod trusted;

pub(super) use self::forwarded::sign_of_proxy;
pub use self::{client::Client, client_ip::ClientIp, peer::UnixPeer};
