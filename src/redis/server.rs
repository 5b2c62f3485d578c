//! The servers to connect to, as users name them.
//!
//! Addresses stay as they are here, and are parsed when the connection is
//! built.

use std::fmt;

use super::address::redacted;

/// The servers to connect to.
///
/// An address is one of:
///
/// * `redis://user:password@host:port/database`, where only the host is
///   required;
/// * `rediss://...`, the same over TLS (feature `redis-tls`);
/// * `unix:///path?db=...&user=...&pass=...`, a socket on this machine, where
///   only the path is required; `redis+unix://` means the same.
///
/// `valkey://`, `valkeys://` and `valkey+unix://` are other names for the
/// three. Characters with a meaning in an address, and spaces, are
/// percent-encoded: the password `p@ss word` is written `p%40ss%20word`. When
/// the connection is built, an error names the part that is wrong: scheme,
/// host, port, database, parameter and so on. An unknown parameter is an error.
///
/// The protocol is RESP3, which servers speak since Redis 6. With `?protocol=2`
/// at the end of the address it is RESP2, as some proxies require. The first
/// call after the server closed an idle connection fails then.
///
/// ```
/// use sluicegate::redis::Server;
///
/// let server = Server::cluster(["redis://app:secret@10.0.0.1", "redis://10.0.0.2"]);
/// assert!(!format!("{server:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Server(pub(super) ServerUrls);

/// The addresses, not parsed yet.
#[derive(Clone)]
pub(super) enum ServerUrls {
    Single(String),
    Sentinel {
        sentinels: Vec<String>,
        primary: String,
    },
    Cluster(Vec<String>),
}

impl Server {
    /// A single server.
    ///
    /// ```
    /// use sluicegate::redis::{Connection, Server};
    ///
    /// let server = Server::single("redis://app:secret@10.0.0.1:6379/3");
    /// let redis = Connection::builder(server).lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn single(url: impl Into<String>) -> Self {
        Self(ServerUrls::Single(url.into()))
    }

    /// The primary that these sentinels name. They are queried again whenever
    /// the connection breaks, or leads to a server that became a replica.
    ///
    /// Users and passwords in the sentinels' addresses are for the sentinels.
    /// The primary is `"mymaster"`, or an address with that name as the host,
    /// which holds the login of the primary:
    /// `"redis://user:password@mymaster/3"`.
    ///
    /// ```
    /// use sluicegate::redis::{Connection, Server};
    ///
    /// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"];
    /// let server = Server::sentinel(sentinels, "redis://app:secret@mymaster/3");
    /// let redis = Connection::builder(server).lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn sentinel<U: Into<String>>(
        sentinels: impl IntoIterator<Item = U>,
        primary: impl Into<String>,
    ) -> Self {
        Self(ServerUrls::Sentinel {
            sentinels: sentinels.into_iter().map(Into::into).collect(),
            primary: primary.into(),
        })
    }

    /// A cluster with these known nodes. The first one that replies names the
    /// others. User, password and TLS settings are those of the first address.
    ///
    /// A cluster has only database 0.
    ///
    /// ```
    /// use sluicegate::redis::{Connection, Server};
    ///
    /// let nodes = ["redis://app:secret@10.0.0.1:6379", "redis://10.0.0.2:6379"];
    /// let redis = Connection::builder(Server::cluster(nodes)).lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn cluster<U: Into<String>>(nodes: impl IntoIterator<Item = U>) -> Self {
        Self(ServerUrls::Cluster(
            nodes.into_iter().map(Into::into).collect(),
        ))
    }
}

impl From<&str> for Server {
    fn from(url: &str) -> Self {
        Self::single(url)
    }
}

impl From<String> for Server {
    fn from(url: String) -> Self {
        Self::single(url)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |urls: &[String]| urls.iter().map(|url| redacted(url)).collect::<Vec<_>>();
        match &self.0 {
            ServerUrls::Single(url) => f.debug_tuple("Single").field(&redacted(url)).finish(),
            ServerUrls::Sentinel { sentinels, primary } => f
                .debug_struct("Sentinel")
                .field("sentinels", &all(sentinels))
                .field("primary", &redacted(primary))
                .finish(),
            ServerUrls::Cluster(nodes) => f.debug_tuple("Cluster").field(&all(nodes)).finish(),
        }
    }
}
