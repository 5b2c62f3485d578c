//! The key that goes by the address of the client.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Extensions, HeaderMap, HeaderName, Request};

use super::{Absence, Key};

mod client;
mod error;
mod forwarded;
mod peer;
mod trusted;

use self::trusted::Trusted;
pub use self::{client::Client, error::ClientIpError};

/// How many entries of a list are read. A chain of proxies has a handful; what
/// is longer was written to keep the server busy.
const MAX_ENTRIES: usize = 64;

/// Goes by the address of the client: an IPv4 address whole, an IPv6 address
/// by its first 64 bits, the least that a provider hands to one customer.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use http::Request;
/// use sluicegate::key::{ClientIp, Key};
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(SocketAddr::from(([192, 0, 2, 1], 4711)));
///
/// let client = ClientIp::peer().key(&request).unwrap();
/// assert_eq!(client.address(), IpAddr::from([192, 0, 2, 1]));
/// ```
///
/// # Where the address comes from
///
/// It begins with the peer, the other end of the connection, which the server
/// has to leave in the extensions of the request:
///
/// - **axum** (feature `axum`) does where the router is served as
///   `app.into_make_service_with_connect_info::<SocketAddr>()`, and its
///   `MockConnectInfo` in tests;
/// - **tonic** (feature `tonic`) does of its own accord, except over TLS: there
///   it leaves a `TlsConnectInfo`, out of which a layer of yours has to take
///   the address;
/// - anything else inserts a [`SocketAddr`](std::net::SocketAddr) or an
///   [`IpAddr`], as above.
///
/// Without a peer there is no key. That is a mistake in how the server was set
/// up, not the caller's: the layer answers 500, or status 13 for gRPC, and warns
/// once, unless it was told to let requests pass that have no key.
///
/// # Behind proxies
///
/// There the peer is a proxy, the same for all clients, and the client's
/// address is in a header. A proxy appends the address that it sees to what is
/// in the header already, and a client can send the header too. So the leftmost
/// address is whatever the client wants it to be: a limit that goes by it is
/// escaped with a new address for each request, or turned against somebody
/// else. Only what your own proxies have written can be believed:
///
/// 1. If the peer is not in one of the trusted networks, it is the client, and
///    no header is looked at.
/// 2. Otherwise the entries are read from the right, over all headers of that
///    name together. The first address outside of the trusted networks is the
///    client.
/// 3. If all of them are trusted, the leftmost is the client: a machine of
///    yours.
/// 4. At an entry that is no address (`unknown`, `_hidden`, nothing, garbage)
///    and after 64 entries the reading ends: the last trusted address before
///    that is the client.
///
/// An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, in
/// requests as well as in trusted networks.
///
/// ```
/// use std::net::IpAddr;
/// use http::Request;
/// use sluicegate::key::{ClientIp, Key};
///
/// let by_client = ClientIp::forwarded_for(["127.0.0.1", "10.0.0.0/8"])?.ipv6_prefix(56);
///
/// let mut request = Request::get("/")
///     // The client has made up the first line; two proxies have added to the second.
///     .header("x-forwarded-for", "198.51.100.9")
///     .header("x-forwarded-for", "2001:db8:1:2ff::7, 10.1.2.3")
///     .body(())?;
/// request.extensions_mut().insert(IpAddr::from([127, 0, 0, 1]));
///
/// assert_eq!(by_client.key(&request).unwrap().to_string(), "2001:db8:1:200::");
/// assert_eq!(by_client.address(&request), Some("2001:db8:1:2ff::7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Trusted networks
///
/// Each is a network or a single address in text, or a type that is written as
/// one: `"10.0.0.0/8"`, `"::1"`, a [`String`] from a configuration, an
/// [`IpAddr`], an `ipnet::IpNet`. Name the networks of your proxies and no
/// others: whoever sends from a trusted network can claim any address. `::/0`
/// holds no IPv4 addresses, mapped or not. With an empty list nothing is
/// believed, and the peer is always the client.
///
/// # Clones
///
/// A clone shares the list of networks and the one warning of
/// [`peer`](Self::peer). Reading a request allocates nothing.
#[derive(Clone, Debug)]
pub struct ClientIp {
    source: Source,
    trusted: Trusted,
    ipv4_mask: u128,
    ipv6_mask: u128,
    warned: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum Source {
    Peer,
    XForwardedFor,
    Forwarded,
    Single(HeaderName),
}

impl ClientIp {
    /// Goes by the peer, whatever the headers say: for servers that clients
    /// reach without a proxy. This is the default.
    ///
    /// Behind a proxy, all clients would share the budget of its address. The
    /// first `Forwarded`, `X-Forwarded-For` or `X-Real-IP` header that arrives
    /// is taken for a sign of that and logged as a warning, once.
    pub fn peer() -> Self {
        Self::new(Source::Peer, Trusted::default())
    }

    /// Goes by `X-Forwarded-For`, which most proxies write, as told by the
    /// proxies in `trusted`; see [Behind proxies](Self#behind-proxies).
    ///
    /// Addresses may have a port, and IPv6 addresses brackets.
    ///
    /// # Errors
    ///
    /// When an item of `trusted` is neither a network nor an address.
    pub fn forwarded_for(
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, ClientIpError> {
        Ok(Self::new(Source::XForwardedFor, Trusted::parse(trusted)?))
    }

    /// Goes by `Forwarded`, the standard of [RFC 7239], as told by the proxies
    /// in `trusted`; see [Behind proxies](Self#behind-proxies).
    ///
    /// An element without a `for`, or with two, counts as `unknown`.
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use http::Request;
    /// use sluicegate::key::ClientIp;
    ///
    /// let by_client = ClientIp::forwarded(["10.0.0.0/8"])?;
    /// let mut request = Request::get("/")
    ///     .header("forwarded", r#"for=203.0.113.5, For="[2001:db8::7]:4711";proto=https"#)
    ///     .body(())?;
    /// request.extensions_mut().insert(IpAddr::from([10, 1, 2, 3]));
    /// assert_eq!(by_client.address(&request), Some("2001:db8::7".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an item of `trusted` is neither a network nor an address.
    ///
    /// [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239
    pub fn forwarded(
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, ClientIpError> {
        Ok(Self::new(Source::Forwarded, Trusted::parse(trusted)?))
    }

    /// Goes by a header that holds the client's address and nothing else, such
    /// as `CF-Connecting-IP` or `X-Real-IP`, as told by the proxies in
    /// `trusted`; see [Behind proxies](Self#behind-proxies).
    ///
    /// Only for proxies that replace what the client has sent under that name.
    /// If the header is there more than once, the last one counts.
    ///
    /// ```
    /// use sluicegate::key::ClientIp;
    ///
    /// let by_client = ClientIp::in_header("x-real-ip", ["10.0.0.0/8"])?;
    ///
    /// let error = ClientIp::in_header("x real ip", ["10.0.0.0/8"]).unwrap_err();
    /// assert_eq!(error.field(), "header");
    /// # Ok::<(), sluicegate::key::ClientIpError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `name` is not a header name, or an item of `trusted` neither a
    /// network nor an address.
    pub fn in_header(
        name: &str,
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, ClientIpError> {
        let refused = |_| ClientIpError::new("header", name, "the name of an HTTP header");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(refused)?;
        Ok(Self::new(Source::Single(name), Trusted::parse(trusted)?))
    }

    /// Clients share a budget where the first `bits` of their IPv4 addresses
    /// are equal; 32 unless it is set.
    ///
    /// # Panics
    ///
    /// When `bits` is 0 or above 32.
    #[must_use]
    pub fn ipv4_prefix(self, bits: u8) -> Self {
        let host_bits = host_bits("IPv4 prefix", bits, 32);
        Self {
            ipv4_mask: u128::MAX << host_bits,
            ..self
        }
    }

    /// Clients share a budget where the first `bits` of their IPv6 addresses
    /// are equal; 64 unless it is set. Some providers hand out 56 or 48.
    ///
    /// # Panics
    ///
    /// When `bits` is 0 or above 128.
    #[must_use]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        let host_bits = host_bits("IPv6 prefix", bits, 128);
        Self {
            ipv6_mask: u128::MAX << host_bits,
            ..self
        }
    }

    /// The client's address, whole: what the key is cut from. `None` if there
    /// is no peer.
    pub fn address<B>(&self, req: &Request<B>) -> Option<IpAddr> {
        let client = self.client(req.extensions(), req.headers())?;
        Some(client.address())
    }

    fn new(source: Source, trusted: Trusted) -> Self {
        // Where nothing is believed, a header is a sign of a proxy forgotten.
        let source = if trusted.is_empty() {
            Source::Peer
        } else {
            source
        };
        let unprefixed = Self {
            source,
            trusted,
            ipv4_mask: u128::MAX,
            ipv6_mask: u128::MAX,
            warned: Arc::default(),
        };
        unprefixed.ipv6_prefix(64)
    }

    #[inline]
    fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<Client> {
        let peer = peer::address(extensions)?;
        Some(match self.source {
            Source::Peer => self.unproxied(peer, headers),
            _ => self.proxied(peer.address(), headers).into(),
        })
    }

    fn proxied(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        match &self.source {
            Source::Peer => peer,
            Source::XForwardedFor => self.first_stranger(peer, forwarded::x_forwarded_for(headers)),
            Source::Forwarded => self.first_stranger(peer, forwarded::forwarded(headers)),
            Source::Single(name) => self.first_stranger(peer, forwarded::single(headers, name)),
        }
    }

    /// The first hop that is not trusted, from the peer outwards, or else the
    /// last that is known.
    fn first_stranger(&self, peer: IpAddr, told: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut hop = peer;
        let mut further = told.take(MAX_ENTRIES).map_while(|entry| entry);
        while self.trusted.contains(hop) {
            match further.next() {
                Some(next) => hop = next,
                None => break,
            }
        }
        hop
    }

    #[inline]
    fn unproxied(&self, peer: Client, headers: &HeaderMap) -> Client {
        if !self.warned.load(Ordering::Relaxed) {
            self.look_for_proxy(headers);
        }
        peer
    }

    fn look_for_proxy(&self, headers: &HeaderMap) {
        let Some(header) = forwarded::sign_of_proxy(headers) else {
            return;
        };
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %header,
                "a request has come with a header of proxies, but ClientIp::peer() goes by the \
                 address of the connection: all clients behind one proxy share one budget; if \
                 the proxy is yours, name its network to ClientIp::forwarded_for, \
                 ClientIp::forwarded or ClientIp::in_header"
            );
        }
    }
}

impl Default for ClientIp {
    fn default() -> Self {
        Self::peer()
    }
}

impl<B> Key<Request<B>> for ClientIp {
    type Key<'a>
        = Client
    where
        B: 'a;

    #[inline]
    fn key<'a>(&'a self, req: &'a Request<B>) -> Option<Client> {
        let client = self.client(req.extensions(), req.headers())?;
        Some(client.masked(self.ipv4_mask, self.ipv6_mask))
    }

    fn absence(&self, _req: &Request<B>) -> Absence {
        Absence::NoPeer
    }
}

fn host_bits(field: &str, prefix: u8, all: u8) -> u8 {
    let possible = (1..=all).contains(&prefix);
    assert!(
        possible,
        "client address: {field} of {prefix} is not possible: allowed is 1 to {all}"
    );
    all - prefix
}

#[cfg(test)]
mod tests;
