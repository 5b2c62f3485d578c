//! Which servers there are, and their addresses.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo};

/// The servers to connect to.
///
/// An address is one of:
///
/// * `redis://user:password@host:port/database`, of which only the host must be there;
/// * `rediss://…`, the same by TLS (feature `redis-tls`);
/// * `unix:///path?db=…&user=…&pass=…`, a socket on this machine, of which only the
///   path must be there; `redis+unix://` means the same.
///
/// `valkey://`, `valkeys://` and `valkey+unix://` are other names for the three.
/// Characters that mean something in an address, and spaces, are written in
/// percent-encoding: a password of `p@ss word` is `p%40ss%20word`. When the
/// connection is built, a mistake is told with the part that it is in: scheme, host,
/// port, database, parameter and so on. A parameter that is not known is a mistake.
///
/// The protocol is RESP3, which servers speak since Redis 6. With
/// `?protocol=2` at the end of the address it is RESP2, for a proxy that knows
/// no other; then the first call after the server closed an idle connection
/// fails.
#[derive(Clone)]
pub struct Server(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Single(String),
    Sentinel {
        sentinels: Vec<String>,
        primary: String,
    },
    Cluster(Vec<String>),
}

impl Server {
    /// One server.
    pub fn single(url: impl Into<String>) -> Self {
        Self(Kind::Single(url.into()))
    }

    /// The primary that these sentinels name. It is asked for again whenever
    /// the connection breaks, or leads to a server that became a replica.
    ///
    /// What the sentinels' addresses say of users and passwords is for the
    /// sentinels. The primary is `"mymaster"`, or, with what it takes to log
    /// in there, an address with that name in the place of the host:
    /// `"redis://user:password@mymaster/3"`.
    pub fn sentinel<U: Into<String>>(
        sentinels: impl IntoIterator<Item = U>,
        primary: impl Into<String>,
    ) -> Self {
        Self(Kind::Sentinel {
            sentinels: sentinels.into_iter().map(Into::into).collect(),
            primary: primary.into(),
        })
    }

    /// A cluster, of which these nodes are known. The first one that answers
    /// tells the others; user, password and TLS are the first address's.
    pub fn cluster<U: Into<String>>(nodes: impl IntoIterator<Item = U>) -> Self {
        Self(Kind::Cluster(nodes.into_iter().map(Into::into).collect()))
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
        let shown = |urls: &[String]| urls.iter().map(|url| shown(url)).collect::<Vec<_>>();
        match &self.0 {
            Kind::Single(url) => f.debug_tuple("Single").field(&self::shown(url)).finish(),
            Kind::Sentinel { sentinels, primary } => f
                .debug_struct("Sentinel")
                .field("sentinels", &shown(sentinels))
                .field("primary", &self::shown(primary))
                .finish(),
            Kind::Cluster(nodes) => f.debug_tuple("Cluster").field(&shown(nodes)).finish(),
        }
    }
}

/// An address without what is secret in it, even if it is no address: user and
/// password are before the last `@`, and in the query.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let place = match rest.split_once('?') {
        // Of a socket, nothing but the query can follow.
        Some((path, _)) if scheme.ends_with("unix") => path,
        // A query, or a password: who knows which `@` is the last of the login.
        Some((_, query)) if query.contains('@') => "",
        _ => rest,
    };
    let place = place.rsplit('@').next().unwrap_or_default();
    let place = place.split(['?', '#', ',', ' ']).next().unwrap_or_default();
    let place = match scheme.ends_with("unix") {
        true => place,
        false => without_bad_port(place),
    };
    match scheme {
        "" => place.to_owned(),
        scheme => format!("{}://{place}", shown(scheme)),
    }
}

/// What stands for a port may be a password whose host was forgotten.
fn without_bad_port(place: &str) -> &str {
    let end = place.find('/').unwrap_or(place.len());
    let (host, port) = place[..end].rsplit_once(':').unwrap_or((place, ""));
    match port.bytes().all(|it| it.is_ascii_digit()) || place.starts_with('[') {
        true => place,
        false => host,
    }
}

/// The same as this server, at another place.
pub(super) fn elsewhere(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let place = match info.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::{address::address, tls::Tls};

    #[test]
    fn shows_no_password_however_the_address_is_written() {
        for url in [
            "redis://user:hunter2@localhost:6379/3",
            "redis:/user:hunter2@localhost:6379/3",
            "user:hunter2@localhost",
            "redis://user:1@hunter2@localhost",
            "redis://user:1#hunter2@localhost",
            "redis://user:1/hunter2@localhost",
            "unix:///run/redis.sock?pass=hunter2",
            "unix:///run/redis.sock?user=u&pass=x@hunter2",
            "unix:/run/redis.sock?user=u&pass=x@hunter2",
            "redis+unix:///run/redis.sock?pass=x@hunter2",
            "redis://localhost?pass=x@hunter2",
            "redis://user:x?hunter2@localhost",
            "localhost:6379,password=hunter2",
            "redis://user:hunter2",
            "redis://user:hunter2/3",
            "user:hunter2",
            "redis://localhost?hunter2=1&x=@",
            "redis://localhost?Hunter2=hunter2",
        ] {
            assert!(!shown(url).contains("hunter2"), "{}", shown(url));
            let server = Server::sentinel([url], url);
            assert!(!format!("{server:?}").contains("hunter2"), "{server:?}");
            if let Err(error) = address(url, &Tls::default()) {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            }
        }
        assert_eq!(shown("redis://u:p@h:1/3"), "redis://h:1/3");
        assert_eq!(shown("unix:///run/a.sock?pass=x@y"), "unix:///run/a.sock");
    }
}
