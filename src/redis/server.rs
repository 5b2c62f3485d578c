//! Which servers there are, and their addresses.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::{
    error::Error,
    tls::{self, Tls},
};

/// The servers to connect to.
///
/// An address is `redis://user:password@host:port/database`, of which only the
/// host must be there, `rediss://…` for TLS (feature `redis-tls`), or
/// `unix:///path?db=…&user=…&pass=…`. Mistakes in it are told when the
/// connection is built.
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
    match scheme {
        "" => place.to_owned(),
        scheme => format!("{}://{place}", shown(scheme)),
    }
}

const EXAMPLE: &str = "an address such as redis://user:password@localhost:6379/0";

pub(super) fn address(url: &str, tls: &Tls) -> Result<ConnectionInfo, Error> {
    let refused = |allowed: String| Error::config("url", shown(url), allowed);
    let encrypted = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if encrypted && !tls::ENABLED {
        let allowed = "redis://, or rediss:// with the feature `redis-tls` of sluicegate";
        return Err(refused(allowed.to_owned()));
    }
    let info = url
        .into_connection_info()
        .map_err(|error| refused(format!("{EXAMPLE} ({error})")))?;
    if url.ends_with("#insecure") {
        return Err(refused("an address without #insecure".to_owned()));
    }
    let talk = info.redis_settings().clone();
    let talk = match url.contains("protocol=") {
        true => talk,
        false => talk.set_protocol(ProtocolVersion::RESP3),
    };
    let talk = talk.set_lib_name("sluicegate", env!("CARGO_PKG_VERSION"));
    // A check is one small message, and waits for its answer.
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let info = info.set_redis_settings(talk).set_tcp_settings(tcp);
    match encrypted {
        true => tls.secure(url, info),
        false => Ok(info),
    }
}

pub(super) fn addresses(urls: &[String], tls: &Tls) -> Result<Vec<ConnectionInfo>, Error> {
    if urls.is_empty() {
        return Err(Error::config("url", "no servers at all", "one or more"));
    }
    urls.iter().map(|url| address(url, tls)).collect()
}

/// The primary's name, and how to log in there.
pub(super) fn primary(said: &str, tls: &Tls) -> Result<(String, ConnectionInfo), Error> {
    let url = match said.contains("://") {
        true => said.to_owned(),
        false => format!("redis://{said}"),
    };
    let info = address(&url, tls)?;
    match info.addr() {
        ConnectionAddr::Tcp(name, _) | ConnectionAddr::TcpTls { host: name, .. } => {
            Ok((name.clone(), info.clone()))
        }
        _ => Err(Error::config("primary", shown(said), "a name")),
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

    #[test]
    fn a_bad_address_is_refused_with_its_field() {
        for url in ["", "localhost", "http://localhost", "redis://localhost/x"] {
            let error = address(url, &Tls::default()).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("redis url of "), "{text}");
            assert!(text.contains("redis://user:password@"), "{text}");
        }
    }

    #[test]
    fn a_primary_is_a_name_or_an_address() {
        let (name, info) = primary("my_Master", &Tls::default()).unwrap();
        assert_eq!(
            (name.as_str(), info.redis_settings().db()),
            ("my_Master", 0)
        );
        let (name, info) = primary("redis://u:p@my_Master/3", &Tls::default()).unwrap();
        assert_eq!(
            (name.as_str(), info.redis_settings().db()),
            ("my_Master", 3)
        );
    }
}
