use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use super::embedded::{self, Nat64};

/// Who a request comes from: an address, or the part of it that a limit goes
/// by, with zeros for the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// An IPv6 address, or an IPv4 address mapped into one: a number is
    /// cheaper to make, to mask and to hash than an [`IpAddr`].
    bits: u128,
}

/// What an IPv4 address is mapped behind (RFC 4291, section 2.5.5.2).
const MAPPED: u128 = 0xffff << 32;

impl Client {
    /// The address. One that was mapped into IPv6 is the IPv4 address again.
    pub fn address(self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits).to_canonical()
    }

    /// The address as buckets go by it: an IPv4 address that stands in an IPv6
    /// address is that IPv4 address.
    #[inline]
    pub(super) fn unwrapped(self, nat64: &Nat64) -> Self {
        if self.is_ipv4() {
            return self;
        }
        let found = embedded::well_known(self.bits).or_else(|| nat64.embedded(self.bits));
        found.map_or(self, |address| Self {
            bits: MAPPED | u128::from(address),
        })
    }

    #[inline]
    pub(super) fn masked(self, ipv4: u128, ipv6: u128) -> Self {
        let mask = if self.is_ipv4() { ipv4 } else { ipv6 };
        Self {
            bits: self.bits & mask,
        }
    }

    #[inline]
    fn is_ipv4(self) -> bool {
        self.bits >> 32 == MAPPED >> 32
    }
}

impl From<IpAddr> for Client {
    #[inline]
    fn from(address: IpAddr) -> Self {
        let bits = match address {
            IpAddr::V4(address) => MAPPED | u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        Self { bits }
    }
}

impl From<&SocketAddr> for Client {
    #[inline]
    fn from(socket: &SocketAddr) -> Self {
        let bits = match socket {
            SocketAddr::V4(socket) => MAPPED | u128::from(socket.ip().to_bits()),
            SocketAddr::V6(socket) => socket.ip().to_bits(),
        };
        Self { bits }
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
