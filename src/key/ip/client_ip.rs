//! The key that goes by the address of the client.

use std::net::IpAddr;

use http::{Extensions, HeaderMap, HeaderName, Request};

use super::{
    client::Client,
    embedded::Nat64,
    forwarded,
    peer::{self, Peer},
    trusted::Trusted,
};
use crate::{
    error::{InvalidSetting, valid},
    key::{absence::Absence, header::header_name, key::Key, warning::ProxyWarning},
};

/// How many entries of a list are read. A chain of proxies has a handful; what
/// is longer was written to keep the server busy.
pub(super) const MAX_ENTRIES: usize = 64;

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
/// - **tonic** (feature `tonic`) does by itself, through TLS too (for TLS streams
///   that it did not make itself, one of tonic's own features for TLS has to be
///   on, such as `tls-ring`);
/// - anything else inserts a [`SocketAddr`](std::net::SocketAddr) or an
///   [`IpAddr`], as above.
///
/// Without a peer there is no key. That is a mistake in how the server was set
/// up, not the caller's: the layer answers 500, or status 13 for gRPC, and warns
/// once, unless it was told to let requests pass that have no key.
/// A peer on a unix socket has no address either: see [Unix
/// sockets](Self#unix-sockets).
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
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) is the IPv4
/// address, in requests as well as in trusted networks.
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
/// [`IpAddr`], an `ipnet::IpNet`. The bits behind the length do not count:
/// `10.1.2.3/8` is `10.0.0.0/8`. EncodedKey the networks of your proxies and no
/// others: a client in a trusted network can claim any address. `::/0` holds no
/// IPv4 addresses, mapped or not. With an empty list nothing is believed, and
/// the peer is always the client.
///
/// # IPv4 inside of IPv6
///
/// A client that reaches a server by IPv4 and through a translator or a tunnel
/// has one budget, that of its IPv4 address:
///
/// | IPv6 address | is keyed as |
/// |---|---|
/// | mapped, `::ffff:192.0.2.1` | its IPv4 address |
/// | IPv4-compatible, `::192.0.2.1`, but neither `::` nor `::1` | its IPv4 address |
/// | IPv4-translated, `::ffff:0:192.0.2.1` | its IPv4 address |
/// | NAT64, `64:ff9b::192.0.2.1` and under [prefixes of your own](Self::nat64) | its IPv4 address |
/// | 6to4, `2002:c000:201::/48` | the IPv4 address of the router |
/// | Teredo, `2001::/32` | the client's IPv4 address, as its NAT shows it |
/// | ISATAP, `2001:db8::5efe:192.0.2.1` | its first 64 bits, like any other |
///
/// In all but the last, the embedded address is where answers are routed to, so
/// a client cannot choose it. An ISATAP host chooses the last 64 bits itself,
/// and its first 64 bits name the site already.
///
/// Only budgets go by the embedded address. Trust goes by the address as it was
/// seen: `2002:a00:1::1` and `::10.0.0.1` are not in `10.0.0.0/8`. And
/// [`address`](Self::address) returns the address as it was seen.
///
/// # Unix sockets
///
/// The peer on a unix socket is a process of this machine, without an address,
/// so by default its requests have no key. One key for all of them would be one
/// budget for all clients behind a local proxy. If that proxy writes the header,
/// let it be believed:
///
/// ```
/// use http::Request;
/// use sluicegate::key::{ClientIp, UnixPeer};
///
/// let by_client = ClientIp::forwarded_for(["10.0.0.0/8"])?.trust_unix_peer();
/// let mut request = Request::get("/")
///     .header("x-forwarded-for", "203.0.113.5, 10.1.2.3")
///     .body(())?;
/// // What `into_make_service_with_connect_info::<UnixPeer>()` leaves.
/// request.extensions_mut().insert(UnixPeer);
/// assert_eq!(by_client.address(&request), Some([203, 0, 113, 5].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clones
///
/// A clone shares the lists of networks and the one warning of
/// [`peer`](Self::peer). Reading a request allocates nothing, unless tonic serves TLS
/// streams that it did not make itself (`serve_with_incoming` over
/// `tokio-rustls`): then the extensions are copied to ask tonic for the address.
#[derive(Clone, Debug)]
pub struct ClientIp {
    source: Source,
    trusted: Trusted,
    trusts_unix: bool,
    nat64: Nat64,
    ipv4_mask: u128,
    ipv6_mask: u128,
    warning: ProxyWarning,
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
    ) -> Result<Self, InvalidSetting> {
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
    ) -> Result<Self, InvalidSetting> {
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
    /// assert_eq!(error.field(), "header name");
    /// # Ok::<(), sluicegate::InvalidSetting>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `name` is not a header name, or an item of `trusted` neither a
    /// network nor an address.
    pub fn in_header(
        name: &str,
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let source = Source::Single(header_name(name)?);
        Ok(Self::new(source, Trusted::parse(trusted)?))
    }

    /// Believes the header of a peer on a unix socket, as of one in a trusted
    /// network; see [Unix sockets](Self#unix-sockets). Off unless it is set. Has
    /// no effect on [`peer`](Self::peer), which reads no header.
    ///
    /// Only for sockets that no one but your own proxy can open, because a
    /// process that can open it can claim any address.
    #[must_use]
    pub fn trust_unix_peer(self) -> Self {
        Self {
            trusts_unix: true,
            ..self
        }
    }

    /// Under these prefixes a NAT64 of your own network writes the addresses of
    /// its IPv4 clients, as RFC 6052 says. `64:ff9b::/96` is known without it.
    /// The list takes the place of one that was given before.
    ///
    /// Without it, clients behind a /96 prefix of your own share one budget,
    /// because their first 64 bits are equal.
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use http::Request;
    /// use sluicegate::key::{ClientIp, Key};
    ///
    /// let by_client = ClientIp::peer().nat64(["2001:db8:122::/48"])?;
    /// let mut request = Request::new(());
    /// let peer: IpAddr = "2001:db8:122:c000:2:2100::".parse()?;
    /// request.extensions_mut().insert(peer);
    /// assert_eq!(by_client.key(&request).unwrap().to_string(), "192.0.2.33");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an item is not an IPv6 network of 32, 40, 48, 56, 64 or 96 bits.
    pub fn nat64(
        self,
        prefixes: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let nat64 = Nat64::parse(prefixes)?;
        Ok(Self { nat64, ..self })
    }

    /// Clients share a budget where the first `bits` of their IPv4 addresses
    /// are equal; 32 unless it is set.
    ///
    /// # Panics
    ///
    /// When `bits` is 0 or above 32.
    #[must_use]
    #[track_caller]
    pub fn ipv4_prefix(self, bits: u8) -> Self {
        let ipv4_mask = valid(mask("IPv4 prefix length", bits, 32, "1 to 32"));
        Self { ipv4_mask, ..self }
    }

    /// Clients share a budget where the first `bits` of their IPv6 addresses
    /// are equal; 64 unless it is set. Some providers hand out 56 or 48.
    ///
    /// # Panics
    ///
    /// When `bits` is 0 or above 128.
    #[must_use]
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        let ipv6_mask = valid(mask("IPv6 prefix length", bits, 128, "1 to 128"));
        Self { ipv6_mask, ..self }
    }

    /// The client's address, whole and as it was seen. `None` if there is no
    /// peer, or a peer without an address that is not trusted.
    pub fn address<B>(&self, req: &Request<B>) -> Option<IpAddr> {
        let client = self.client(req.extensions(), req.headers())?;
        Some(client.address())
    }

    fn new(source: Source, trusted: Trusted) -> Self {
        let unprefixed = Self {
            source,
            trusted,
            trusts_unix: false,
            nat64: Nat64::default(),
            ipv4_mask: u128::MAX,
            ipv6_mask: u128::MAX,
            warning: ProxyWarning::default(),
        };
        unprefixed.ipv6_prefix(64)
    }

    #[inline]
    fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<Client> {
        match peer::of(extensions)? {
            Peer::Address(peer) if self.believes_addresses() => {
                self.proxied(Some(peer.address()), headers)
            }
            Peer::Address(peer) => {
                self.warning.look_for_proxy(headers);
                Some(peer)
            }
            Peer::Unix if self.trusts_unix => self.proxied(None, headers),
            Peer::Unix => None,
        }
    }

    /// Where nothing is believed, a header is a sign of a proxy forgotten.
    #[inline]
    fn believes_addresses(&self) -> bool {
        !self.trusted.is_empty() && !matches!(self.source, Source::Peer)
    }

    /// Without an address, the peer is trusted.
    fn proxied(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<Client> {
        let client = match &self.source {
            Source::Peer => peer,
            Source::XForwardedFor => self.first_stranger(peer, forwarded::x_forwarded_for(headers)),
            Source::Forwarded => self.first_stranger(peer, forwarded::forwarded(headers)),
            Source::Single(name) => self.first_stranger(peer, forwarded::single(headers, name)),
        };
        client.map(Client::from)
    }

    /// The first hop that is not trusted, from the peer outwards, or else the
    /// last that is known.
    fn first_stranger(
        &self,
        peer: Option<IpAddr>,
        told: impl Iterator<Item = Option<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut hop = peer;
        let mut further = told.take(MAX_ENTRIES).map_while(|entry| entry);
        while hop.is_none_or(|hop| self.trusted.contains(hop)) {
            match further.next() {
                Some(next) => hop = Some(next),
                None => break,
            }
        }
        hop
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
        let client = client.unwrapped(&self.nat64);
        Some(client.masked(self.ipv4_mask, self.ipv6_mask))
    }

    fn absence(&self, _req: &Request<B>) -> Absence {
        Absence::NoPeer
    }
}

/// Returns the mask for addresses of `all` bits that keeps their first `prefix`
/// bits, and whatever is above the `all` bits.
fn mask(
    field: &'static str,
    prefix: u8,
    all: u8,
    allowed: &'static str,
) -> Result<u128, InvalidSetting> {
    if (1..=all).contains(&prefix) {
        return Ok(u128::MAX << (all - prefix));
    }
    Err(InvalidSetting::new(field, prefix, allowed))
}
