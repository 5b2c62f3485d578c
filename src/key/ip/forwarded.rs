//! Parses the headers in which proxies write the addresses in front of them.
//!
//! Every iterator here starts at the right, where the nearest proxy has
//! written, and yields `None` for an entry without an address. A client chooses
//! the left part of a header, so it must not change how the right part is read.

use std::{
    iter,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The longest node in bytes. An address takes up to 39 characters, and 47 with
/// brackets and a port.
const MAX_NODE_BYTES: usize = 64;

static FORWARDED: HeaderName = header::FORWARDED;
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Returns the entries of `X-Forwarded-For`.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let entries = lines(headers, &X_FORWARDED_FOR).flat_map(|line| line.rsplit(|b| *b == b','));
    entries.map(address)
}

/// Returns the elements of `Forwarded` (RFC 7239).
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = lines(headers, &FORWARDED).flat_map(|line| rsplit_unquoted(line, b','));
    elements.map(node)
}

/// Returns the address in the last header with this name.
pub(super) fn single(
    headers: &HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<IpAddr>> {
    lines(headers, name).take(1).map(address)
}

/// Returns the name of a header that only proxies have a reason to send.
pub(in crate::key) fn sign_of_proxy(headers: &HeaderMap) -> Option<&'static HeaderName> {
    let mut names = [&FORWARDED, &X_FORWARDED_FOR, &X_REAL_IP].into_iter();
    names.find(|name| headers.contains_key(*name))
}

/// Returns the values of a header, the last one first.
fn lines<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let values = headers.get_all(name).iter();
    values.rev().map(HeaderValue::as_bytes)
}

/// Parses an address, which may have brackets and a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry.trim_ascii()).ok()?;
    // RFC 7239 lets a proxy hide the port of an address.
    let entry = entry.split_once(":_").map_or(entry, |(host, _)| host);
    let plain = entry.parse().ok();
    let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
    let found = plain.or_else(with_port).or_else(|| bracketed(entry))?;
    Some(found.to_canonical())
}

fn bracketed(entry: &str) -> Option<IpAddr> {
    let inner = entry.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Returns the address of an element with exactly one `for`.
fn node(element: &[u8]) -> Option<IpAddr> {
    let mut values = rsplit_unquoted(element, b';').filter_map(for_value);
    match (values.next(), values.next()) {
        (Some(value), None) => node_address(value),
        _ => None,
    }
}

fn for_value(parameter: &[u8]) -> Option<&[u8]> {
    let (name, value) = parameter.trim_ascii().split_at_checked(4)?;
    name.eq_ignore_ascii_case(b"for=").then_some(value)
}

fn node_address(value: &[u8]) -> Option<IpAddr> {
    if !value.starts_with(b"\"") {
        return address(value);
    }
    let mut room = [0; MAX_NODE_BYTES];
    address(unquoted(value, &mut room)?)
}

/// Removes quotes and escapes; `None` if the value is malformed or too long.
/// The result is in `room`, so that reading a request does not allocate.
fn unquoted<'a>(value: &[u8], room: &'a mut [u8; MAX_NODE_BYTES]) -> Option<&'a [u8]> {
    let mut quoted = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?.iter();
    let mut length = 0;
    while let Some(byte) = quoted.next() {
        let escape = *byte == b'\\';
        *room.get_mut(length)? = if escape { *quoted.next()? } else { *byte };
        length += 1;
    }
    room.get(..length)
}

/// Splits at separators outside of quotes, from the right.
fn rsplit_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let cut = last_unquoted(text, separator);
        rest = cut.map(|at| &text[..at]);
        Some(cut.map_or(text, |at| &text[at + 1..]))
    })
}

fn last_unquoted(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    // A quote inside a quoted string has a backslash before it, the quote that
    // opens one an equals sign.
    text.iter().enumerate().rposition(|(at, byte)| {
        // Seen from the right, `quoted` tells whether this byte is inside a
        // string.
        let escaped = quoted && text[..at].ends_with(b"\\");
        quoted ^= *byte == b'"' && !escaped;
        !quoted && *byte == separator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Option<String> {
        address(value.as_bytes()).map(|address| address.to_string())
    }

    #[test]
    fn reads_every_form_of_an_address() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            (" \t192.0.2.1 ", "192.0.2.1"),
            ("192.0.2.1:5678", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]:_hidden", "2001:db8::1"),
            ("192.0.2.1:_hidden", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::FFFF:c000:201]:80", "192.0.2.1"),
        ] {
            assert_eq!(told(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn takes_nothing_else_for_an_address() {
        for value in [
            "",
            " ",
            "unknown",
            "_hidden",
            "unix:",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1 192.0.2.2",
            "[192.0.2.1]",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "fe80::1%eth0",
            "\"192.0.2.1\"",
            "192.0.2.1/32",
        ] {
            assert_eq!(told(value), None, "{value}");
        }
        assert_eq!(address(b"\xff\xfe"), None);
    }

    fn node_of(element: &str) -> Option<String> {
        node(element.as_bytes()).map(|address| address.to_string())
    }

    #[test]
    fn reads_the_for_of_an_element() {
        for (element, expected) in [
            ("for=192.0.2.60", "192.0.2.60"),
            ("FOR=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (" proto=http ; For=\"192.0.2.60:80\" ; ", "192.0.2.60"),
            (r#"for="[2001:db8:cafe::17]:4711""#, "2001:db8:cafe::17"),
            (r#"for="[2001:db8:cafe::17]""#, "2001:db8:cafe::17"),
            (r#"for="\[2001:db8:cafe::1\7\]:\_p""#, "2001:db8:cafe::17"),
            (r#"host="a;for=6.6.6.6";for=192.0.2.60"#, "192.0.2.60"),
            (r#"for=192.0.2.60;host="a\";for=6.6.6.6""#, "192.0.2.60"),
        ] {
            assert_eq!(node_of(element).as_deref(), Some(expected), "{element}");
        }
    }

    #[test]
    fn an_element_without_one_address_is_unknown() {
        for element in [
            "",
            ";",
            "proto=http",
            "for",
            "for=",
            "for =192.0.2.1",
            "for=unknown",
            "for=_hidden",
            r#"for="_hidden:_port""#,
            r#"for="""#,
            r#"for=""#,
            r#"for="192.0.2.1"#,
            r#"for="192.0.2.1\""#,
            r#"for="192.0.2.1"x"#,
            "for=192.0.2.1;for=192.0.2.2",
            "x-for=192.0.2.1",
            "for=192.0.2.1 for=192.0.2.2",
        ] {
            assert_eq!(node_of(element), None, "{element}");
        }
        let long = format!("for=\"192.0.2.1{}\"", " ".repeat(MAX_NODE_BYTES));
        assert_eq!(node_of(&long), None);
    }

    fn split(text: &str) -> Vec<&str> {
        let parts = rsplit_unquoted(text.as_bytes(), b',');
        parts.map(|part| str::from_utf8(part).unwrap()).collect()
    }

    #[test]
    fn splits_outside_of_quotes() {
        assert_eq!(split(""), [""]);
        assert_eq!(split("a,b,,c"), ["c", "", "b", "a"]);
        assert_eq!(
            split(r#"x="a,b",y="c\",d""#),
            [r#"y="c\",d""#, r#"x="a,b""#]
        );
    }

    #[test]
    fn a_quote_left_open_does_not_reach_what_stands_right_of_it() {
        let list = r#"for=6.6.6.6;x=",for="[2001:db8::1]";by="_a,b""#;
        assert_eq!(split(list)[0], r#"for="[2001:db8::1]";by="_a,b""#);
        assert_eq!(split(r#"x="\,for=192.0.2.1"#)[0], "for=192.0.2.1");
    }
}
