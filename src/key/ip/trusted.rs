//! The networks of trusted proxies, whose headers count.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use crate::error::InvalidSetting;

/// A list of networks. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted(Arc<[IpNet]>);

impl Trusted {
    pub(super) fn parse(
        networks: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let texts = networks.into_iter().map(|item| item.to_string());
        let parsed: Result<_, _> = texts.map(|text| network(&text)).collect();
        parsed.map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses a network or a single address.
fn network(text: &str) -> Result<IpNet, InvalidSetting> {
    let single = |_| text.trim().parse().map(|address: IpAddr| address.into());
    let network = text.trim().parse().or_else(single);
    network.map(unmapped).map_err(|_| {
        let allowed = "a network such as 10.0.0.0/8 or 2001:db8::/32, or a single address";
        InvalidSetting::text("trusted network", text, allowed)
    })
}

/// Turns a network of mapped IPv4 addresses into an IPv4 network.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else {
        return network;
    };
    let bits = mapped.prefix_len().checked_sub(96);
    let address = mapped.addr().to_ipv4_mapped();
    let parts = address.zip(bits);
    let plain = parts.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    plain.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(network: impl ToString, address: [u8; 4]) -> bool {
        Trusted::parse([network]).unwrap().contains(address.into())
    }

    #[test]
    fn networks_can_be_of_many_types() {
        let network: IpNet = "10.0.0.0/8".parse().unwrap();
        assert!(trusts(network, [10, 1, 1, 1]));
        assert!(trusts(String::from(" 10.1.2.3/8"), [10, 9, 9, 9]));
        assert!(trusts(IpAddr::from([127, 0, 0, 1]), [127, 0, 0, 1]));
    }

    #[test]
    fn a_single_address_is_not_a_network() {
        assert!(trusts("127.0.0.1", [127, 0, 0, 1]));
        assert!(!trusts("127.0.0.1", [127, 0, 0, 2]));
    }

    #[test]
    fn mapped_networks_are_ipv4() {
        assert!(trusts("::ffff:10.0.0.0/104", [10, 9, 9, 9]));
        assert!(!trusts("::ffff:10.0.0.0/104", [11, 0, 0, 1]));
        assert!(trusts("::ffff:10.0.0.1", [10, 0, 0, 1]));
        assert!(!trusts("::ffff:10.0.0.1/64", [10, 0, 0, 1]));
        assert!(!trusts("::/0", [10, 0, 0, 1]));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.1:80",
            "10.0.0.0/33",
            "::1/129",
            "*",
        ] {
            assert!(Trusted::parse([text]).is_err(), "{text}");
        }
    }
}
