//! Parses addresses, and names the part of one that is wrong.
//!
//! redis-rs accepts more than it should, such as unknown parameters, and its
//! errors do not say what is wrong. So each part is checked here before the
//! address is handed over.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::{redact::redacted, tls::Tls};
use crate::redis::error::Error;

/// Completes "must be" in an error about a URL.
const EXAMPLE: &str = "an address such as redis://user:password@localhost:6379/0";

/// The allowed schemes, in the text of an error.
const SCHEMES: &str = "scheme: redis://, rediss://, unix:// or redis+unix://";

/// The part of an address that is wrong, and what is allowed there. It never
/// quotes the address.
type Problem = String;

/// Parses an address, and adds the certificates if it is encrypted.
///
/// An address without TLS is not changed by the certificates.
pub(crate) fn address(url: &str, tls: &Tls) -> Result<ConnectionInfo, Error> {
    let invalid = |problem: Problem| {
        let allowed = format!("{EXAMPLE} ({problem})");
        Error::config("url", redacted(url), allowed)
    };
    let info = parse(url).map_err(invalid)?;
    match is_encrypted(url) {
        true => tls.secure(url, info),
        false => Ok(info),
    }
}

/// Parses the addresses of several servers.
pub(crate) fn addresses(urls: &[String], tls: &Tls) -> Result<Vec<ConnectionInfo>, Error> {
    if urls.is_empty() {
        return Err(Error::config(
            "url",
            "list without servers",
            "one or more addresses",
        ));
    }
    urls.iter().map(|url| address(url, tls)).collect()
}

/// Parses the primary of sentinels: its name, or an address with that name as
/// the host. Returns the name, and the address for the login.
pub(crate) fn primary(url: &str, tls: &Tls) -> Result<(String, ConnectionInfo), Error> {
    let full = match url.contains("://") {
        true => url.to_owned(),
        false => format!("redis://{url}"),
    };
    let info = address(&full, tls)?;
    match info.addr() {
        ConnectionAddr::Tcp(name, _) | ConnectionAddr::TcpTls { host: name, .. } => {
            Ok((name.clone(), info.clone()))
        }
        _ => Err(Error::config("primary", redacted(url), "a name")),
    }
}

/// Whether the scheme asks for TLS.
fn is_encrypted(url: &str) -> bool {
    url.starts_with("rediss:") || url.starts_with("valkeys:")
}

/// Checks all parts in the order in which they stand, then parses the address.
fn parse(url: &str) -> Result<ConnectionInfo, Problem> {
    if url.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return Err("a space or control character: written %20 and so on".to_owned());
    }
    let is_socket = match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("unix" | "redis+unix" | "valkey+unix") => true,
        Some("redis" | "rediss" | "valkey" | "valkeys") if url.contains("://") => false,
        _ => return Err(SCHEMES.to_owned()),
    };
    if is_encrypted(url) && !cfg!(feature = "redis-tls") {
        let allowed = "scheme: redis://, or rediss:// with the feature `redis-tls` of sluicegate";
        return Err(allowed.to_owned());
    }
    if !is_socket {
        check_authority(url)?;
    }
    let parsed = redis::parse_redis_url(url).ok_or("host: a name or an address")?;
    if parsed.fragment().is_some() {
        let allowed = "fragment: none, also not #insecure; a # in a password is written %23";
        return Err(allowed.to_owned());
    }
    let names: Vec<String> = parsed.query_pairs().map(|(name, _)| name.into()).collect();
    check_parameters(url, is_socket, &names)?;
    let database = match is_socket {
        true => parsed.query_pairs().find(|(name, _)| name == "db"),
        false => None,
    };
    let path = parsed.path().trim_matches('/');
    let database = database.as_ref().map(|(_, value)| &**value);
    check_database(database.unwrap_or(if is_socket { "" } else { path }))?;
    let has_protocol = names.iter().any(|name| name == "protocol");
    let info = parsed.into_connection_info();
    let info = info.map_err(|_| other_problem(is_socket, has_protocol))?;
    Ok(with_defaults(info, has_protocol))
}

/// Sets RESP3 unless the address names a protocol, and `TCP_NODELAY`, because a
/// check is one small message and waits for its reply.
///
/// The name and version of this crate are shown by `CLIENT LIST`.
fn with_defaults(info: ConnectionInfo, has_protocol: bool) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    let settings = match has_protocol {
        true => settings,
        false => settings.set_protocol(ProtocolVersion::RESP3),
    };
    let settings = settings.set_lib_name("sluicegate", env!("CARGO_PKG_VERSION"));
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    info.set_redis_settings(settings).set_tcp_settings(tcp)
}

/// Checks host and port, which stand between the last `@` and the path.
///
/// A password with `/`, `?` or `#` would end the authority early, so an `@`
/// behind it is reported as such a password.
fn check_authority(url: &str) -> Result<(), Problem> {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest[authority.len()..].contains('@') {
        return Err("password: / ? # in it are written %2F %3F %23".to_owned());
    }
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host_and_port.rfind(']') {
        Some(end) => host_and_port.split_at(end + 1),
        None => host_and_port.split_at(host_and_port.find(':').unwrap_or(host_and_port.len())),
    };
    if port.matches(':').count() > 1 {
        return Err("host: an IPv6 address in brackets".to_owned());
    }
    if host.is_empty() {
        return Err("host: a name or an address".to_owned());
    }
    if ["0.0.0.0", "[::]"].contains(&host) {
        return Err("host: not a wildcard address".to_owned());
    }
    match port.strip_prefix(':').map(str::parse::<u16>) {
        None if port.is_empty() => Ok(()),
        Some(Ok(1..)) => Ok(()),
        _ => Err("port: 1 to 65535".to_owned()),
    }
}

/// Checks the names of the query's parameters.
fn check_parameters(url: &str, is_socket: bool, names: &[String]) -> Result<(), Problem> {
    let known: &[&str] = match is_socket {
        true => &["db", "user", "pass", "protocol"],
        false => &["protocol"],
    };
    for (nth, name) in names.iter().enumerate() {
        if names[..nth].contains(name) {
            return Err("parameter: each at most once".to_owned());
        }
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            let name = quoted_parameter(url, name);
            return Err(format!("parameter{name}: one of {known}"));
        }
    }
    Ok(())
}

/// Returns the name of the parameter, unless it may be part of a password.
fn quoted_parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let is_plain = name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    match is_plain && name.len() <= 16 && !query.contains('@') {
        true => format!(" `{name}`"),
        false => String::new(),
    }
}

/// Checks the number of the database; empty means 0.
fn check_database(database: &str) -> Result<(), Problem> {
    match database.parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) if database.is_empty() => Ok(()),
        Err(_) => Err("database: a whole number, 0 or more".to_owned()),
    }
}

/// Names the problem if the client library rejects an address that passed all
/// checks here.
fn other_problem(is_socket: bool, has_protocol: bool) -> Problem {
    let problem = match (is_socket, has_protocol) {
        (_, true) => "parameter `protocol`: 2 or 3",
        (true, _) => "path: an absolute one, as in unix:///run/redis.sock",
        (false, _) => "user, password: UTF-8, written in percent-encoding",
    };
    problem.to_owned()
}

/// Returns the address of another server with the login and TLS settings of
/// this one.
pub(crate) fn with_address(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let addr = match info.addr().clone() {
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
    info.clone().set_addr(addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_part_that_is_wrong() {
        for (url, part) in [
            ("", "scheme:"),
            ("localhost", "scheme:"),
            ("localhost:6379", "scheme:"),
            ("http://localhost", "scheme:"),
            ("redis//localhost", "scheme:"),
            ("redis:/localhost", "scheme:"),
            ("redis://", "host:"),
            ("redis://:6379", "host:"),
            ("redis://user:password@", "host:"),
            ("redis://0.0.0.0", "host:"),
            ("redis://::1:6379", "host:"),
            ("redis://[::1", "host:"),
            ("redis://localhost:", "port:"),
            ("redis://localhost:0", "port:"),
            ("redis://localhost:65536", "port:"),
            ("redis://localhost:redis", "port:"),
            ("redis://localhost/x", "database:"),
            ("redis://localhost/-1", "database:"),
            ("redis://localhost/1/2", "database:"),
            ("unix:///run/redis.sock?db=x", "database:"),
            ("redis://localhost?db=1", "parameter `db`:"),
            ("redis://localhost/0?timeout=5", "parameter `timeout`:"),
            ("redis://localhost?protocol=2&protocol=3", "parameter:"),
            ("redis://localhost?protocol=4", "parameter `protocol`:"),
            ("unix:///run/redis.sock?password=x", "parameter `password`:"),
            ("unix://run/redis.sock", "path:"),
            ("redis://localhost#insecure", "fragment:"),
            ("redis://user:a b@localhost", "a space"),
            ("redis://localhost ", "a space"),
            ("redis://local\thost", "a space"),
            ("redis://user:a/b@localhost", "password:"),
            ("redis://user:1#b@localhost", "password:"),
            ("redis://user:1?b@localhost", "password:"),
            ("redis://%ff@localhost", "user, password:"),
        ] {
            let error = address(url, &Tls::default()).expect_err(url).to_string();
            assert!(error.starts_with("invalid redis url "), "{error}");
            assert!(error.contains(&format!("({part}")), "{url}: {error}");
            assert!(error.contains(EXAMPLE), "{error}");
        }
    }

    #[test]
    fn every_certificate_is_checked() {
        let error = address("rediss://localhost/0#insecure", &Tls::default()).unwrap_err();
        let part = if cfg!(feature = "redis-tls") {
            "(fragment:"
        } else {
            "(scheme:"
        };
        assert!(error.to_string().contains(part), "{error}");
    }

    #[test]
    fn valid_addresses_are_read() {
        for (url, place, user, password, database) in [
            ("redis://localhost", "localhost:6379", None, None, 0),
            ("redis://u:a@b@h", "h:6379", Some("u"), Some("a@b"), 0),
            ("valkey://h:1/2", "h:1", None, None, 2),
            ("redis://[::1]:7/", "::1:7", None, None, 0),
            ("redis://:p%20q@h", "h:6379", None, Some("p q"), 0),
            (
                "redis://u%40v:p%23@h/3?protocol=2",
                "h:6379",
                Some("u@v"),
                Some("p#"),
                3,
            ),
            (
                "unix:///run/a.sock?db=4&user=u&pass=p%40",
                "/run/a.sock",
                Some("u"),
                Some("p@"),
                4,
            ),
            ("redis+unix:///run/a.sock", "/run/a.sock", None, None, 0),
        ] {
            let info = address(url, &Tls::default()).expect(url);
            let login = info.redis_settings();
            assert_eq!(info.addr().to_string(), place);
            let read = (login.username(), login.password(), login.db());
            assert_eq!(read, (user, password, database), "{url}");
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
