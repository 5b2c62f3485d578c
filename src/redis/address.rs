//! Reading addresses, and telling which part of one is wrong.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::{
    error::Error,
    server::shown,
    tls::{self, Tls},
};

const EXAMPLE: &str = "an address such as redis://user:password@localhost:6379/0";

const SCHEMES: &str = "scheme: redis://, rediss://, unix:// or redis+unix://";

/// What is wrong, which never quotes the address.
type Wrong = String;

pub(super) fn address(url: &str, tls: &Tls) -> Result<ConnectionInfo, Error> {
    let refused = |wrong: Wrong| {
        let allowed = format!("{EXAMPLE} ({wrong})");
        Error::config("url", shown(url), allowed)
    };
    let info = read(url).map_err(refused)?;
    match is_encrypted(url) {
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

fn is_encrypted(url: &str) -> bool {
    url.starts_with("rediss:") || url.starts_with("valkeys:")
}

fn read(url: &str) -> Result<ConnectionInfo, Wrong> {
    if url.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return Err("a space or control character in it: written %20 and so on".to_owned());
    }
    let is_socket = match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("unix" | "redis+unix" | "valkey+unix") => true,
        Some("redis" | "rediss" | "valkey" | "valkeys") if url.contains("://") => false,
        _ => return Err(SCHEMES.to_owned()),
    };
    if is_encrypted(url) && !tls::ENABLED {
        let allowed = "scheme: redis://, or rediss:// with the feature `redis-tls` of sluicegate";
        return Err(allowed.to_owned());
    }
    if !is_socket {
        check_place(url)?;
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
    let info = info.map_err(|_| others(is_socket, has_protocol))?;
    Ok(ours(info, has_protocol))
}

/// RESP3 unless it is said; a check is one small message, and waits for its answer.
fn ours(info: ConnectionInfo, has_protocol: bool) -> ConnectionInfo {
    let talk = info.redis_settings().clone();
    let talk = match has_protocol {
        true => talk,
        false => talk.set_protocol(ProtocolVersion::RESP3),
    };
    let talk = talk.set_lib_name("sluicegate", env!("CARGO_PKG_VERSION"));
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    info.set_redis_settings(talk).set_tcp_settings(tcp)
}

/// Host and port, which are between the last `@` and what follows.
fn check_place(url: &str) -> Result<(), Wrong> {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest[authority.len()..].contains('@') {
        return Err("password: / ? # in it are written %2F %3F %23".to_owned());
    }
    let place = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match place.rfind(']') {
        Some(end) => place.split_at(end + 1),
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    if port.matches(':').count() > 1 {
        return Err("host: an IPv6 address in brackets".to_owned());
    }
    if host.is_empty() {
        return Err("host: a name or an address".to_owned());
    }
    if ["0.0.0.0", "[::]"].contains(&host) {
        return Err("host: one that can be connected to".to_owned());
    }
    match port.strip_prefix(':').map(str::parse::<u16>) {
        None if port.is_empty() => Ok(()),
        Some(Ok(1..)) => Ok(()),
        _ => Err("port: 1 to 65535".to_owned()),
    }
}

fn check_parameters(url: &str, is_socket: bool, names: &[String]) -> Result<(), Wrong> {
    let known: &[&str] = match is_socket {
        true => &["db", "user", "pass", "protocol"],
        false => &["protocol"],
    };
    for (nth, name) in names.iter().enumerate() {
        if names[..nth].contains(name) {
            return Err("parameter: each of them once".to_owned());
        }
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            let name = named(url, name);
            return Err(format!("parameter{name}: one of {known}"));
        }
    }
    Ok(())
}

/// Which parameter it is, unless it may be a part of a password.
fn named(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let is_plain = name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    match is_plain && name.len() <= 16 && !query.contains('@') {
        true => format!(" `{name}`"),
        false => String::new(),
    }
}

fn check_database(database: &str) -> Result<(), Wrong> {
    match database.parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) if database.is_empty() => Ok(()),
        Err(_) => Err("database: a whole number, 0 or more".to_owned()),
    }
}

/// What else the client library refuses.
fn others(is_socket: bool, has_protocol: bool) -> Wrong {
    let wrong = match (is_socket, has_protocol) {
        (_, true) => "parameter `protocol`: 2 or 3",
        (true, _) => "path: an absolute one, as in unix:///run/redis.sock",
        (false, _) => "user, password: UTF-8, written in percent-encoding",
    };
    wrong.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_which_part_is_wrong() {
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
    fn no_certificate_goes_unlooked_at() {
        let error = address("rediss://localhost/0#insecure", &Tls::default()).unwrap_err();
        let part = if tls::ENABLED {
            "(fragment:"
        } else {
            "(scheme:"
        };
        assert!(error.to_string().contains(part), "{error}");
    }

    #[test]
    fn what_is_right_is_read() {
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
