//! Which part of a line is the key, and how addresses become keys.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// The part of a request that a limit goes by.
///
/// ```
/// use lab::replay::KeySpec;
///
/// assert_eq!("ip".parse(), Ok(KeySpec::Ip));
/// assert_eq!("field:user.id".parse(), Ok(KeySpec::Field("user.id".into())));
/// assert!("cookie".parse::<KeySpec>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// The address of the client.
    Ip,
    /// A header of the request, if the log has it.
    Header(String),
    /// A field of the log.
    Field(String),
    /// The path of the request, without its query.
    Path,
}

impl FromStr for KeySpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |prefix| {
            text.strip_prefix(prefix)
                .filter(|name: &&str| !name.is_empty())
        };
        match text {
            "ip" => Ok(Self::Ip),
            "path" => Ok(Self::Path),
            _ => named("header:")
                .map(|name| Self::Header(name.to_ascii_lowercase()))
                .or_else(|| named("field:").map(|name| Self::Field(name.to_owned())))
                .ok_or_else(|| "must be ip, path, header:NAME or field:NAME".to_owned()),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::Path => f.write_str("path"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Field(name) => write!(f, "field:{name}"),
        }
    }
}

impl KeySpec {
    /// Returns the key for a value of the log; `None` if the value is empty or
    /// the dash that logs write instead of one.
    pub(super) fn key<'a>(&self, value: Cow<'a, [u8]>, prefix: u8) -> Option<Cow<'a, [u8]>> {
        let value = match self {
            Self::Header(name) if name == "x-forwarded-for" => last_entry(value),
            _ => value,
        };
        if value.is_empty() || *value == *b"-" {
            return None;
        }
        let key = match self {
            Self::Ip => address(value, prefix),
            Self::Header(name) if name == "x-forwarded-for" => address(value, prefix),
            Self::Path => path(value),
            _ => value,
        };
        (!key.is_empty()).then_some(key)
    }
}

/// Returns the last entry of a forwarded list, which the nearest proxy added. A
/// client can choose all entries before it.
fn last_entry(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let start = memchr::memrchr(b',', &value).map_or(0, |comma| comma + 1);
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes[start..].trim_ascii()),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..].trim_ascii().to_vec()),
    }
}

/// Returns the key of a client, as `ClientIp` forms it: an IPv4 address as it
/// is, and the prefix of an IPv6 address. Other text, such as a host name,
/// stays as it is.
fn address(value: Cow<'_, [u8]>, prefix: u8) -> Cow<'_, [u8]> {
    if value
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return value;
    }
    match std::str::from_utf8(&value).ok().and_then(parse) {
        Some(IpAddr::V4(ip)) => Cow::Owned(ip.to_string().into_bytes()),
        Some(IpAddr::V6(ip)) => Cow::Owned(network(ip, prefix).into_bytes()),
        None => value,
    }
}

/// Reads an address with or without brackets and a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().ok();
    let ip = ip.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    ip.map(|ip| ip.to_canonical())
}

fn network(ip: Ipv6Addr, prefix: u8) -> String {
    let host_bits = 128 - u32::from(prefix);
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    let network = Ipv6Addr::from_bits(ip.to_bits() & mask);
    match prefix {
        128 => network.to_string(),
        _ => format!("{network}/{prefix}"),
    }
}

/// Returns the path of a target such as `/search?q=1`, or of a whole request
/// line such as `GET /search?q=1 HTTP/1.1`.
fn path(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let end = |bytes: &[u8]| memchr::memchr2(b'?', b'#', bytes).unwrap_or(bytes.len());
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end(bytes)]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end(&bytes));
            Cow::Owned(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(spec: &str, value: &str) -> Option<String> {
        let spec: KeySpec = spec.parse().unwrap();
        let key = spec.key(Cow::Borrowed(value.as_bytes()), 64)?;
        Some(String::from_utf8(key.into_owned()).unwrap())
    }

    #[test]
    fn addresses_become_the_keys_that_client_ip_forms() {
        for (value, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2::6]:443", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2::6]", "2001:db8:1:2::/64"),
            ("host.example", "host.example"),
            ("unix:", "unix:"),
        ] {
            assert_eq!(key("ip", value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn a_dash_is_no_key() {
        assert_eq!(key("field:user", "-"), None);
        assert_eq!(key("ip", ""), None);
    }

    #[test]
    fn the_key_of_a_forwarded_list_is_what_the_nearest_proxy_added() {
        let list = "6.6.6.6, 2001:db8::1, 192.0.2.7";
        assert_eq!(
            key("header:X-Forwarded-For", list).as_deref(),
            Some("192.0.2.7")
        );
    }

    #[test]
    fn a_path_loses_its_query() {
        assert_eq!(key("path", "/search?q=1").as_deref(), Some("/search"));
        assert_eq!(key("path", "?q=1"), None);
    }

    #[test]
    fn prefixes_of_all_lengths_are_cut() {
        let ip = "2001:db8:ffff::1".parse().unwrap();
        assert_eq!(network(ip, 0), "::/0");
        assert_eq!(network(ip, 32), "2001:db8::/32");
        assert_eq!(network(ip, 128), "2001:db8:ffff::1");
    }
}
