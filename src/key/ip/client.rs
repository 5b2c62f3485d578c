//! The address of a client, as one number.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::embedded::{self, Nat64};

/// The client that a request comes from: its address, or the prefix of it that
/// a limit goes by, with zeros for the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// An IPv6 address, or an IPv4 address that is mapped into one. A number is
    /// cheaper to make, mask and hash than an [`IpAddr`].
    bits: u128,
}

/// The prefix of IPv4 addresses that are mapped into IPv6 (RFC 4291, section
/// 2.5.5.2).
const MAPPED: u128 = 0xffff << 32;

impl Client {
    /// Returns the address. A mapped IPv4 address is returned as IPv4.
    pub fn address(self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits).to_canonical()
    }

    /// Returns the client for budgets: an IPv6 address that embeds an IPv4
    /// address becomes that IPv4 address.
    #[inline]
    pub(super) fn unwrapped(self, nat64: &Nat64) -> Self {
        if self.is_ipv4() {
            return self;
        }
        let found = embedded::well_known(self.bits).or_else(|| nat64.embedded(self.bits));
        found.map_or(self, |address| Ipv4Addr::from_bits(address).into())
    }

    /// Keeps the bits of one of these masks, depending on the protocol.
    #[inline]
    pub(super) fn masked(self, ipv4: u128, ipv6: u128) -> Self {
        let mask = if self.is_ipv4() { ipv4 } else { ipv6 };
        Self {
            bits: self.bits & mask,
        }
    }

    /// Keeps the bits of this mask of a client that has an IPv4 address.
    #[inline]
    pub(super) fn masked_ipv4(self, mask: u128) -> Self {
        Self {
            bits: self.bits & mask,
        }
    }

    #[inline]
    fn is_ipv4(self) -> bool {
        self.bits >> 32 == MAPPED >> 32
    }
}

impl From<Ipv4Addr> for Client {
    #[inline]
    fn from(address: Ipv4Addr) -> Self {
        Self {
            bits: MAPPED | u128::from(address.to_bits()),
        }
    }
}

impl From<IpAddr> for Client {
    #[inline]
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Self {
                bits: address.to_bits(),
            },
        }
    }
}

impl From<&SocketAddr> for Client {
    #[inline]
    fn from(socket: &SocketAddr) -> Self {
        socket.ip().into()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
