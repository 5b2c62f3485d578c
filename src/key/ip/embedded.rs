//! Finds the IPv4 address that an IPv6 address embeds, so that a client has one
//! budget with either protocol. Only the key uses it, because trust goes by the
//! address of the peer as it is.

use std::{net::Ipv6Addr, sync::Arc};

use ipnet::Ipv6Net;

use crate::error::InvalidSetting;

/// `64:ff9b::/96`, the well-known prefix of NAT64 (RFC 6052, section 2.1).
const WELL_KNOWN: u128 = 0x0064_ff9b_0000_0000_0000_0000;
/// `2002::/16` (RFC 3056).
const SIX_TO_FOUR: u128 = 0x2002;
/// `2001::/32` (RFC 4380).
const TEREDO: u128 = 0x2001_0000;
/// `::ffff:0:0:0/96`, IPv4-translated addresses (RFC 2765, section 2.1).
const TRANSLATED: u128 = 0xffff_0000;

/// The possible lengths of a NAT64 prefix, in bits (RFC 6052, section 2.2).
const PREFIX_LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// Returns the IPv4 address in an IPv6 address of a standard form. The address
/// is not a mapped one.
#[inline]
pub(super) fn well_known(bits: u128) -> Option<u32> {
    match bits >> 32 {
        0 if bits > Ipv6Addr::LOCALHOST.to_bits() => return Some(bits as u32),
        WELL_KNOWN | TRANSLATED => return Some(bits as u32),
        _ => {}
    }
    if bits >> 112 == SIX_TO_FOUR {
        return Some((bits >> 80) as u32);
    }
    // Teredo inverts it, so that no translator on the way rewrites it (section
    // 4).
    (bits >> 96 == TEREDO).then_some(!(bits as u32))
}

/// The NAT64 prefixes that were configured, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Nat64(Arc<[Ipv6Net]>);

impl Nat64 {
    pub(super) fn parse(
        prefixes: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let texts = prefixes.into_iter().map(|item| item.to_string());
        let parsed: Result<Vec<_>, _> = texts.map(|text| prefix(&text)).collect();
        let mut prefixes = parsed?;
        // A longer prefix may lie within a shorter one and is more specific.
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.prefix_len()));
        Ok(Self(prefixes.into()))
    }

    /// Returns the IPv4 address in an IPv6 address under one of the prefixes.
    #[inline]
    pub(super) fn embedded(&self, bits: u128) -> Option<u32> {
        let within = |prefix: &&Ipv6Net| prefix.contains(&Ipv6Addr::from_bits(bits));
        let prefix = self.0.iter().find(within)?;
        Some(behind(bits, prefix.prefix_len()))
    }
}

/// Returns the IPv4 address that follows a prefix of this length. It skips bits
/// 64 to 71, which are reserved, whatever they contain.
fn behind(bits: u128, length: u8) -> u32 {
    if length == 96 {
        return bits as u32;
    }
    // Moves the bits before the reserved byte up to those after it.
    let without_reserved = bits >> 64 << 56 | bits & ((1 << 56) - 1);
    (without_reserved >> (120 - 32 - u32::from(length))) as u32
}

/// Parses a prefix.
fn prefix(text: &str) -> Result<Ipv6Net, InvalidSetting> {
    let possible = |prefix: &Ipv6Net| {
        let reserved = prefix.addr().to_bits() >> 56 & 0xff;
        let whole = prefix.addr() == prefix.network();
        whole && reserved == 0 && PREFIX_LENGTHS.contains(&prefix.prefix_len())
    };
    let parsed = text.trim().parse().ok().filter(possible);
    parsed.ok_or_else(|| {
        let allowed = "an IPv6 network of 32, 40, 48, 56, 64 or 96 bits, such as \
                       2001:db8:64::/96, whose other bits and bits 64 to 71 are 0";
        InvalidSetting::text("NAT64 prefix", text, allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(address: [u8; 4]) -> u32 {
        u32::from_be_bytes(address)
    }

    fn bits(address: &str) -> u128 {
        address.parse::<Ipv6Addr>().unwrap().to_bits()
    }

    /// The examples of RFC 6052, section 2.4.
    #[test]
    fn each_prefix_length_has_its_position_for_the_address() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            let nat64 = Nat64::parse([prefix]).unwrap();
            let found = nat64.embedded(bits(address));
            assert_eq!(found, Some(v4([192, 0, 2, 33])), "{prefix}");
            assert_eq!(nat64.embedded(bits("2001:db9::1")), None, "{prefix}");
        }
    }

    #[test]
    fn the_longest_prefix_wins() {
        let nat64 = Nat64::parse(["2001:db8::/32", "2001:db8::/96"]).unwrap();
        let found = nat64.embedded(bits("2001:db8::192.0.2.33"));
        assert_eq!(found, Some(v4([192, 0, 2, 33])));
    }

    #[test]
    fn other_networks_are_refused() {
        for text in [
            "",
            "64:ff9b::",
            "64:ff9b::/95",
            "2001:db8::/31",
            "2001:db8::/72",
            "2001:db8::1/64",
            "2001:db8:0:0:100::/96",
            "10.0.0.0/8",
        ] {
            let error = Nat64::parse([text]).unwrap_err();
            assert_eq!((error.field(), error.value()), ("NAT64 prefix", text));
        }
    }

    #[test]
    fn similar_addresses_embed_nothing() {
        for address in [
            "::",
            "::1",
            "2003::1",
            "2001:1::1",
            "64:ff9b:1::1",
            "fe80::",
        ] {
            assert_eq!(well_known(bits(address)), None, "{address}");
        }
    }
}
