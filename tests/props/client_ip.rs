//! Laws of `ClientIp`: which client a request comes from, whatever it claims.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use sluicegate::key::{ClientIp, Key};

use crate::keys::{PROXIES, PROXY, client, forwarded, forwarded_for, request};

fn key(by: &ClientIp, peer: IpAddr) -> String {
    let request = request(&peer.to_string(), &[]);
    by.key(&request).unwrap().to_string()
}

/// The IPv6 addresses that an IPv4 address stands in; `rest` is what is of no
/// account.
fn forms(ipv4: u32, rest: u128) -> Vec<u128> {
    let (low, ipv4) = (u128::from(ipv4), u128::from(ipv4));
    let beside = |bits: u32| rest & ((1 << bits) - 1);
    let teredo = 0x2001_0000 << 96 | beside(96) & !0xffff_ffff | (low ^ 0xffff_ffff);
    vec![
        0xffff << 32 | low,
        0xffff << 48 | low,
        0x0064_ff9b << 96 | low,
        0x2002 << 112 | ipv4 << 80 | beside(80),
        teredo,
    ]
}

/// RFC 6052, section 2.2: around the reserved octet, which is `reserved` here.
fn translated(prefix: u128, length: u32, ipv4: u32, reserved: u8) -> u128 {
    let mut bits: Vec<bool> = (0..length)
        .map(|at| prefix >> (127 - at) & 1 == 1)
        .collect();
    for at in 0..32 {
        if bits.len() == 64 && length != 96 {
            bits.extend((0..8).map(|at| reserved >> (7 - at) & 1 == 1));
        }
        bits.push(ipv4 >> (31 - at) & 1 == 1);
    }
    bits.resize(128, false);
    bits.into_iter()
        .fold(0, |bits, bit| bits << 1 | u128::from(bit))
}

fn v6(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).into()
}

proptest! {
    #[test]
    fn nothing_on_the_left_changes_the_client(spoof in "[\t -~é]{0,40}|[\"\\\\,;=for ]{0,20}") {
        prop_assert_eq!(forwarded_for(&[&format!("{spoof},192.0.2.1,10.0.0.2")]), "192.0.2.1");
        for own in ["for=192.0.2.1", r#"for="192.0.2.1:80";by="\\\",b;c""#] {
            prop_assert_eq!(forwarded(&[&format!("{spoof},{own},for=10.0.0.2")]), "192.0.2.1");
        }
    }
}

proptest! {
    #[test]
    fn an_ipv4_client_has_one_bucket_whatever_it_comes_through(ipv4: u32, rest: u128, mask in 1_u8..=32) {
        let by = ClientIp::peer().ipv4_prefix(mask);
        let own = key(&by, Ipv4Addr::from_bits(ipv4).into());
        for bits in forms(ipv4, rest) {
            prop_assert_eq!(&key(&by, v6(bits)), &own, "{}", v6(bits));
        }
        if ipv4 > 1 {
            prop_assert_eq!(&key(&by, v6(ipv4.into())), &own);
        }
    }

    #[test]
    fn a_nat64_of_ones_own_may_have_any_length(ipv4: u32, network: u64, reserved: u8, choice in 0_usize..6) {
        let length = [32, 40, 48, 56, 64, 96][choice];
        // Documentation addresses: no other rule knows them.
        let prefix = 0x2001_0db8 << 96 | u128::from(network) << 64 & ((1 << 96) - 1);
        let prefix = prefix >> (128 - length) << (128 - length);
        let text = format!("{}/{length}", v6(prefix));
        let by = ClientIp::peer().nat64([text]).unwrap();
        let own = key(&by, Ipv4Addr::from_bits(ipv4).into());
        let through = v6(translated(prefix, length, ipv4, reserved));
        prop_assert_eq!(key(&by, through), own, "{}", through);
    }

    /// Any other address keeps the prefix that it always had.
    #[test]
    fn nothing_else_is_taken_for_ipv4(bits: u128) {
        let bits = 0x2a00 << 112 | bits >> 16;
        let own = v6(bits >> 64 << 64).to_string();
        prop_assert_eq!(key(&ClientIp::peer(), v6(bits)), own);
    }

    /// An IPv6 address is not trusted because it contains the address of a proxy.
    #[test]
    fn trust_does_not_look_inside(host: u32, rest: u128) {
        let proxy = 0x0a00_0000 | host >> 8;
        let by = ClientIp::forwarded_for(PROXIES).unwrap().nat64(["2001:db8::/32"]).unwrap();
        let mut seen = forms(proxy, rest).split_off(1);
        seen.push(proxy.into());
        seen.push(translated(0x2001_0db8 << 96, 32, proxy, 0));
        for peer in seen.into_iter().map(v6) {
            let headers = [("x-forwarded-for", "6.6.6.6")];
            prop_assert_eq!(client(&by, &peer.to_string(), &headers), peer.to_string());
            // Nor is one that a proxy of ours has seen.
            let headers = format!("6.6.6.6, {peer}");
            let headers = [("x-forwarded-for", &*headers)];
            prop_assert_eq!(client(&by, PROXY, &headers), peer.to_string());
        }
    }
}
