//! Forms the key of a client from an address in a log.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use http::Request;
use sluicegate::key::{ClientIp, Key};

/// Forms the keys that [`ClientIp`] forms from the addresses of peers.
#[derive(Debug)]
pub(super) struct Clients {
    by_client: ClientIp,
    ipv6_prefix: u8,
    /// Carries an address to `by_client`, as its peer.
    request: Request<()>,
}

impl Clients {
    /// Keys of this many bits of IPv6 addresses, from 1 to 128.
    pub(super) fn new(ipv6_prefix: u8) -> Self {
        Self {
            by_client: ClientIp::peer().ipv6_prefix(ipv6_prefix),
            ipv6_prefix,
            request: Request::new(()),
        }
    }

    /// Returns the key of an address: an IPv4 address as it is, and the prefix of an
    /// IPv6 address. Other text, such as a host name, stays as it is.
    pub(super) fn key<'a>(&mut self, value: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let is_ipv4 = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        if value.iter().all(is_ipv4) {
            return value;
        }
        let address = std::str::from_utf8(&value).ok().and_then(parse);
        match address.and_then(|address| self.budget(address)) {
            Some(IpAddr::V4(ip)) => Cow::Owned(ip.to_string().into_bytes()),
            Some(IpAddr::V6(ip)) if self.ipv6_prefix == 128 => {
                Cow::Owned(ip.to_string().into_bytes())
            }
            Some(ip) => Cow::Owned(format!("{ip}/{}", self.ipv6_prefix).into_bytes()),
            None => value,
        }
    }

    /// Returns the address whose budget a client uses.
    fn budget(&mut self, address: IpAddr) -> Option<IpAddr> {
        self.request.extensions_mut().insert(address);
        let client = self.by_client.key(&self.request);
        client.map(|client| client.address())
    }
}

/// Reads an address with or without brackets, a zone and a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let (bare, _zone) = bare.split_once('%').unwrap_or((bare, ""));
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str, ipv6_prefix: u8) -> String {
        let key = Clients::new(ipv6_prefix).key(Cow::Borrowed(value.as_bytes()));
        String::from_utf8(key.into_owned()).unwrap()
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
            ("fe80::6%eth0", "fe80::/64"),
            ("host.example", "host.example"),
            ("unix:", "unix:"),
        ] {
            assert_eq!(key(value, 64), expected, "{value}");
        }
    }

    /// A customer behind a translator has one budget with either protocol.
    #[test]
    fn an_address_that_embeds_ipv4_has_the_key_of_that_address() {
        for value in ["64:ff9b::192.0.2.7", "2002:c000:207::1", "::192.0.2.7"] {
            assert_eq!(key(value, 64), "192.0.2.7", "{value}");
        }
    }

    #[test]
    fn prefixes_of_all_lengths_are_cut() {
        let ip = "2001:db8:ffff::1";
        assert_eq!(key(ip, 1), "::/1");
        assert_eq!(key(ip, 32), "2001:db8::/32");
        assert_eq!(key(ip, 128), "2001:db8:ffff::1");
    }
}
