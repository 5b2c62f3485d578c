//! Which client a request comes from, through which proxies.

use std::net::IpAddr;

use http::{HeaderValue, Request};

use sluicegate::key::{ClientIp, Key, UnixPeer};

use crate::keys::{PROXIES, PROXY, client, forwarded, forwarded_for, request};

/// The entries of a header that are read.
const MAX_ENTRIES: usize = 64;

#[test]
fn without_a_peer_there_is_no_key() {
    let request = Request::get("/")
        .header("x-forwarded-for", "192.0.2.1")
        .body(())
        .unwrap();
    assert_eq!(ClientIp::peer().key(&request), None);
    let trusts_all = ClientIp::forwarded_for(["0.0.0.0/0", "::/0"]).unwrap();
    assert_eq!(trusts_all.key(&request), None);
}

#[test]
fn a_stranger_is_the_client_whatever_it_sends() {
    let headers = [
        ("x-forwarded-for", "6.6.6.6, 10.0.0.1"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
    ];
    for by in [
        ClientIp::default(),
        ClientIp::forwarded_for(PROXIES).unwrap(),
        ClientIp::forwarded(PROXIES).unwrap(),
        ClientIp::in_header("x-real-ip", PROXIES).unwrap(),
    ] {
        assert_eq!(client(&by, "192.0.2.1", &headers), "192.0.2.1", "{by:?}");
    }
}

#[test]
fn without_trusted_proxies_no_header_counts() {
    let by = ClientIp::forwarded_for(Vec::<IpAddr>::new()).unwrap();
    let headers = [("x-forwarded-for", "192.0.2.1")];
    assert_eq!(client(&by, PROXY, &headers), PROXY);
}

#[test]
fn entries_left_of_the_clients_address_change_nothing() {
    for spoof in [
        "6.6.6.6",
        "10.0.0.9",
        "unknown",
        "",
        ",,",
        "6.6.6.6, 10.0.0.9",
        "\"",
        "é\t",
    ] {
        assert_eq!(
            forwarded_for(&[&format!("{spoof}, 192.0.2.1")]),
            "192.0.2.1"
        );
        assert_eq!(forwarded_for(&[spoof, "192.0.2.1, 10.0.0.2"]), "192.0.2.1");
    }
}

#[test]
fn several_lines_are_one_list() {
    assert_eq!(
        forwarded_for(&["6.6.6.6", "192.0.2.1", "10.0.0.3", "10.0.0.2"]),
        "192.0.2.1"
    );
    assert_eq!(
        forwarded_for(&["6.6.6.6,192.0.2.1", "10.0.0.3,10.0.0.2"]),
        "192.0.2.1"
    );
}

#[test]
fn where_all_are_trusted_the_leftmost_is_the_client() {
    assert_eq!(forwarded_for(&["fd00::7, 10.0.0.3", "10.0.0.2"]), "fd00::7");
    assert_eq!(forwarded_for(&[]), PROXY);
}

#[test]
fn reading_ends_at_an_entry_that_is_not_an_address() {
    for hole in ["unknown", "_hidden", "", "unix:", "10.0.0.0/8", "\u{1F980}"] {
        assert_eq!(
            forwarded_for(&[&format!("6.6.6.6, {hole}, 10.0.0.2")]),
            "10.0.0.2"
        );
        assert_eq!(forwarded_for(&["6.6.6.6", hole, "10.0.0.2"]), "10.0.0.2");
        assert_eq!(forwarded_for(&["6.6.6.6", hole]), PROXY);
    }
}

#[test]
fn reading_ends_after_64_entries() {
    let within = format!("192.0.2.1{}", ",10.0.0.2".repeat(MAX_ENTRIES - 1));
    assert_eq!(forwarded_for(&[&within]), "192.0.2.1");
    let beyond = format!("6.6.6.6,10.0.0.9{}", ",10.0.0.2".repeat(MAX_ENTRIES - 1));
    assert_eq!(forwarded_for(&[&beyond]), "10.0.0.9");
}

#[test]
fn mapped_addresses_are_ipv4_everywhere() {
    assert_eq!(
        forwarded_for(&["6.6.6.6, ::ffff:192.0.2.1, ::ffff:10.0.0.2"]),
        "192.0.2.1"
    );
    let by = ClientIp::forwarded_for(["::ffff:10.0.0.0/104", "::ffff:127.0.0.1"]).unwrap();
    let headers = [("x-forwarded-for", "192.0.2.1, 127.0.0.1, 10.9.9.9")];
    assert_eq!(client(&by, "::ffff:10.0.0.1", &headers), "192.0.2.1");
    assert_eq!(client(&by, "11.0.0.1", &headers), "11.0.0.1");
}

#[test]
fn forwarded_is_read_from_the_right() {
    assert_eq!(
        forwarded(&["for=6.6.6.6, for=192.0.2.1, for=10.0.0.2;proto=http"]),
        "192.0.2.1"
    );
    assert_eq!(
        forwarded(&[
            "for=6.6.6.6",
            r#"For="[2001:db8::1]:443";by="_a,b;c", for=10.0.0.2"#
        ]),
        "2001:db8::1"
    );
    assert_eq!(
        forwarded(&["for=6.6.6.6, proto=http, for=10.0.0.2"]),
        "10.0.0.2"
    );
    assert_eq!(forwarded(&["for=6.6.6.6, for=unknown"]), PROXY);
}

#[test]
fn no_quote_on_the_left_reaches_the_entry_of_a_proxy() {
    for spoof in [
        r#"for=6.6.6.6;x=""#,
        r#"for="6.6.6.6\"#,
        r#"""#,
        r#"x="\"#,
        r#"x="for=6.6.6.6"#,
    ] {
        for own in [
            "for=192.0.2.1",
            r#"for="192.0.2.1""#,
            r#"for="192.0.2.1:1";by="a,b""#,
        ] {
            let line = format!("{spoof}, {own}");
            assert_eq!(forwarded(&[&line]), "192.0.2.1", "{line}");
            assert_eq!(forwarded(&[spoof, own]), "192.0.2.1", "{line}");
        }
    }
}

fn key(by: &ClientIp, peer: IpAddr) -> String {
    let request = request(&peer.to_string(), &[]);
    by.key(&request).unwrap().to_string()
}

#[test]
fn the_unspecified_address_and_loopback_are_not_ipv4() {
    let by = ClientIp::peer().ipv6_prefix(128);
    assert_eq!(key(&by, "::".parse().unwrap()), "::");
    assert_eq!(key(&by, "::1".parse().unwrap()), "::1");
    assert_eq!(key(&by, "::2".parse().unwrap()), "0.0.0.2");
}

#[test]
fn an_isatap_host_is_its_site() {
    let key = |peer: &str| key(&ClientIp::peer(), peer.parse().unwrap());
    assert_eq!(key("2001:db8:1:2:0:5efe:192.0.2.1"), "2001:db8:1:2::");
    assert_eq!(key("2001:db8:1:2:200:5efe:192.0.2.9"), "2001:db8:1:2::");
}

/// A request that came by a unix socket.
fn by_unix_socket(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = request(PROXY, headers);
    request.extensions_mut().clear();
    request.extensions_mut().insert(UnixPeer);
    request
}

#[test]
fn a_peer_on_a_unix_socket_has_no_address_and_is_not_believed() {
    let request = by_unix_socket(&[("x-forwarded-for", "192.0.2.1")]);
    for by in [
        ClientIp::peer(),
        ClientIp::peer().trust_unix_peer(),
        ClientIp::forwarded_for(PROXIES).unwrap(),
        ClientIp::forwarded_for(["0.0.0.0/0", "::/0"]).unwrap(),
    ] {
        assert_eq!(by.key(&request), None, "{by:?}");
    }
}

#[test]
fn a_peer_on_a_unix_socket_is_believed_if_it_is_trusted() {
    let told = |by: ClientIp, headers: &[(&'static str, &str)]| {
        let by = by.trust_unix_peer();
        Some(by.address(&by_unix_socket(headers))?.to_string())
    };
    let by = || ClientIp::forwarded_for(PROXIES).unwrap();
    let lines = [("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.0.0.2")];
    assert_eq!(told(by(), &lines).as_deref(), Some("192.0.2.1"));
    let lines = [("x-forwarded-for", "10.0.0.3, 10.0.0.2")];
    assert_eq!(told(by(), &lines).as_deref(), Some("10.0.0.3"));
    let alone = ClientIp::forwarded_for(Vec::<IpAddr>::new()).unwrap();
    let lines = [("x-forwarded-for", "6.6.6.6, 192.0.2.1")];
    assert_eq!(told(alone, &lines).as_deref(), Some("192.0.2.1"));
    for lines in [&[][..], &[("x-forwarded-for", "6.6.6.6, unknown")]] {
        assert_eq!(told(by(), lines), None);
    }
    let by = ClientIp::in_header("x-real-ip", PROXIES).unwrap();
    let lines = [("x-real-ip", "192.0.2.1")];
    assert_eq!(told(by, &lines).as_deref(), Some("192.0.2.1"));
}

/// To trust unix sockets is to trust no address.
#[test]
fn a_stranger_stays_one_where_unix_sockets_are_trusted() {
    let by = ClientIp::forwarded_for(Vec::<IpAddr>::new()).unwrap();
    let headers = [("x-forwarded-for", "6.6.6.6")];
    let told = client(&by.trust_unix_peer(), "192.0.2.1", &headers);
    assert_eq!(told, "192.0.2.1");
}

#[test]
fn a_named_header_holds_one_address() {
    let by = ClientIp::in_header("CF-Connecting-IP", PROXIES).unwrap();
    let told = |lines: &[&str]| {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("cf-connecting-ip", *line))
            .collect();
        client(&by, PROXY, &headers)
    };
    assert_eq!(told(&["192.0.2.1"]), "192.0.2.1");
    assert_eq!(told(&["6.6.6.6", "192.0.2.1"]), "192.0.2.1");
    assert_eq!(told(&["10.0.0.7"]), "10.0.0.7");
    for nothing in [
        &[][..],
        &["192.0.2.1, 192.0.2.2"],
        &["6.6.6.6", "unknown"],
        &[""],
    ] {
        assert_eq!(told(nothing), PROXY, "{nothing:?}");
    }
}

#[test]
fn bytes_that_are_not_text_end_the_reading() {
    let mut request = request(PROXY, &[]);
    let garbage = HeaderValue::from_bytes(b"6.6.6.6, \xff\xfe\", 10.0.0.2").unwrap();
    request
        .headers_mut()
        .append("x-forwarded-for", garbage.clone());
    request.headers_mut().append("forwarded", garbage);
    let by = ClientIp::forwarded_for(PROXIES).unwrap();
    assert_eq!(by.address(&request).unwrap().to_string(), "10.0.0.2");
    let by = ClientIp::forwarded(PROXIES).unwrap();
    assert_eq!(by.address(&request).unwrap().to_string(), PROXY);
}

#[test]
fn clients_are_keyed_by_prefix() {
    let key = |by: ClientIp, peer| by.key(&request(peer, &[])).unwrap().to_string();
    let address = "2001:db8:1:2ff:3::4";
    assert_eq!(key(ClientIp::peer(), address), "2001:db8:1:2ff::");
    assert_eq!(
        key(ClientIp::peer().ipv6_prefix(56), address),
        "2001:db8:1:200::"
    );
    assert_eq!(key(ClientIp::peer().ipv6_prefix(1), address), "::");
    assert_eq!(key(ClientIp::peer().ipv6_prefix(128), address), address);
    assert_eq!(key(ClientIp::peer(), "192.0.2.255"), "192.0.2.255");
    assert_eq!(key(ClientIp::peer(), "::ffff:192.0.2.255"), "192.0.2.255");
    assert_eq!(
        key(ClientIp::peer().ipv4_prefix(24), "192.0.2.255"),
        "192.0.2.0"
    );
    assert_eq!(
        key(ClientIp::peer().ipv4_prefix(1), "192.0.2.255"),
        "128.0.0.0"
    );
}

#[test]
#[should_panic(expected = "invalid IPv6 prefix length 129: must be 1 to 128")]
fn a_prefix_longer_than_the_address_panics() {
    let _ = ClientIp::peer().ipv6_prefix(129);
}

#[test]
#[should_panic(expected = "invalid IPv4 prefix length 0: must be 1 to 32")]
fn a_prefix_of_nothing_panics() {
    let _ = ClientIp::peer().ipv4_prefix(0);
}

#[test]
fn errors_name_field_value_and_what_is_allowed() {
    let error = ClientIp::forwarded_for(["10.0.0.0/8", "10.0.0.0/33"]).unwrap_err();
    assert_eq!(error.field(), "trusted network");
    assert_eq!(
        error.to_string(),
        "invalid trusted network \"10.0.0.0/33\": must be a network such as 10.0.0.0/8 or \
         2001:db8::/32, or a single address"
    );
    let error = ClientIp::in_header("x real ip", PROXIES).unwrap_err();
    assert!(error.to_string().contains("\"x real ip\""), "{error}");
}
