//! The key that is the client's address, and its settings.

use std::net::{IpAddr, SocketAddr};

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
    out_of_line::out_of_line,
};

/// The entries of a list that are read. A chain of proxies has a handful. A
/// longer list is an attempt to keep the server busy.
const MAX_ENTRIES: usize = 64;

/// Uses the address of the client: all of an IPv4 address, and the first 64
/// bits of an IPv6 address, the least that a provider assigns to one customer.
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
/// It starts with the peer, the other end of the connection. The server has to
/// leave the peer in the extensions of the request:
///
/// - **axum** (feature `axum`) does so if the router is served as
///   `app.into_make_service_with_connect_info::<SocketAddr>()`. In tests,
///   `MockConnectInfo` does.
/// - **tonic** (feature `tonic`) always does, also with TLS. For TLS streams
///   that tonic did not make itself, turn on one of its own TLS features, such
///   as `tls-ring`.
/// - Any other server inserts a [`SocketAddr`](std::net::SocketAddr) or an
///   [`IpAddr`], as above.
///
/// A request without a peer has no key. This is a mistake in how the server was
/// set up, not the caller's: the layer answers 500, or status 13 in gRPC, and
/// warns once, unless it lets requests without a key pass. A peer on a unix
/// socket has no address either; see [Unix sockets](Self#unix-sockets).
///
/// # Behind proxies
///
/// Behind a proxy, the peer is the proxy for all clients, and the client's
/// address is in a header. A proxy appends the address that it sees to the
/// header, and a client can send the header too. So a client chooses the
/// leftmost address: it could escape a limit by a new address for each request,
/// or use up the budget of another client. Only the entries that your own
/// proxies have written count:
///
/// 1. If the peer is not in a trusted network, it is the client, and headers
///    are ignored.
/// 2. Otherwise the entries of all headers with the name are read from the
///    right. The first address outside of the trusted networks is the client.
/// 3. If all of them are trusted, the leftmost one is the client: a machine of
///    your own.
/// 4. Reading ends at an entry that is not an address (`unknown`, `_hidden`,
///    empty or malformed), and after 64 entries. The last trusted address
///    before that is the client.
///
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) counts as the
/// IPv4 address, in requests and in trusted networks.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use http::Request;
/// use sluicegate::key::{ClientIp, Key};
///
/// let by_client = ClientIp::forwarded_for(["127.0.0.1", "10.0.0.0/8"])?.ipv6_prefix(56);
///
/// let mut request = Request::get("/")
///     // The client made up the first line. Two proxies wrote the second.
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
/// A trusted network is a network or a single address, as text or as a type
/// whose `Display` form is one: `"10.0.0.0/8"`, `"::1"`, a [`String`] from a
/// configuration, an [`IpAddr`], an `ipnet::IpNet`. Bits after the prefix are
/// ignored: `10.1.2.3/8` is `10.0.0.0/8`. Name only the networks of your
/// proxies, because a client in a trusted network can claim any address. `::/0`
/// contains no IPv4 addresses, mapped or not. With an empty list, the peer is
/// always the client.
///
/// # IPv4 inside IPv6
///
/// A client that sometimes comes through a translator or a tunnel has one
/// budget, that of its IPv4 address:
///
/// | IPv6 address | budget |
/// |---|---|
/// | mapped, `::ffff:192.0.2.1` | its IPv4 address |
/// | IPv4-compatible, `::192.0.2.1`, except `::` and `::1` | its IPv4 address |
/// | IPv4-translated, `::ffff:0:192.0.2.1` | its IPv4 address |
/// | NAT64, `64:ff9b::192.0.2.1` and [prefixes of your own](Self::nat64) | its IPv4 address |
/// | 6to4, `2002:c000:201::/48` | the IPv4 address of the router |
/// | Teredo, `2001::/32` | the IPv4 address of the client's NAT |
/// | ISATAP, `2001:db8::5efe:192.0.2.1` | its first 64 bits, like any other |
///
/// In all rows but the last, responses are routed to the embedded address, so a
/// client cannot choose it. An ISATAP host chooses its last 64 bits, and its
/// first 64 bits identify the site.
///
/// Only budgets use the embedded address. Trust uses the address as it arrived:
/// `2002:a00:1::1` and `::10.0.0.1` are not in `10.0.0.0/8`. The method
/// [`address`](Self::address) returns it as it arrived, too.
///
/// # Unix sockets
///
/// The peer on a unix socket is a process of this machine and has no address,
/// so by default its requests have no key. A common key would be one budget for
/// all clients behind a local proxy. If that proxy writes the header, trust it:
///
/// ```
/// use http::Request;
/// use sluicegate::key::{ClientIp, UnixPeer};
///
/// let by_client = ClientIp::forwarded_for(["10.0.0.0/8"])?.trust_unix_peer();
/// let mut request = Request::get("/")
///     .header("x-forwarded-for", "203.0.113.5, 10.1.2.3")
///     .body(())?;
/// // As `into_make_service_with_connect_info::<UnixPeer>()` does.
/// request.extensions_mut().insert(UnixPeer);
/// assert_eq!(by_client.address(&request), Some([203, 0, 113, 5].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clones
///
/// Clones share the lists of networks and the one warning of
/// [`peer`](Self::peer).
///
/// Reading a request does not allocate, with one exception: if tonic serves TLS
/// streams that it did not make itself (`serve_with_incoming` over
/// `tokio-rustls`), the extensions are copied to ask tonic for the address.
#[derive(Clone, Debug)]
pub struct ClientIp {
    source: Source,
    trusted: Trusted,
    /// Whether a peer on a unix socket counts as a trusted proxy.
    trusts_unix: bool,
    nat64: Nat64,
    /// The bits that count, of an address as [`Client`] holds it.
    ipv4_mask: u128,
    ipv6_mask: u128,
    warning: ProxyWarning,
}

/// Where the address comes from.
#[derive(Clone, Debug)]
enum Source {
    Peer,
    XForwardedFor,
    Forwarded,
    Single(HeaderName),
}

impl ClientIp {
    /// Uses the peer and ignores headers, for servers that clients reach
    /// without a proxy. This is the default.
    ///
    /// Behind a proxy, all clients would share one budget. A `Forwarded`,
    /// `X-Forwarded-For` or `X-Real-IP` header is a sign of that. The first
    /// request of each thread and then every 31st is looked at, and the first
    /// such header that is found is logged as a warning, once.
    pub fn peer() -> Self {
        Self::new(Source::Peer, Trusted::default())
    }

    /// Uses `X-Forwarded-For`, which most proxies write, from proxies in the
    /// `trusted` networks; see [Behind proxies](Self#behind-proxies).
    ///
    /// Addresses may have a port, and IPv6 addresses may have brackets.
    ///
    /// # Errors
    ///
    /// If an item of `trusted` is neither a network nor an address.
    pub fn forwarded_for(
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        Ok(Self::new(Source::XForwardedFor, Trusted::parse(trusted)?))
    }

    /// Uses `Forwarded`, the header of [RFC 7239], from proxies in the
    /// `trusted` networks; see [Behind proxies](Self#behind-proxies).
    ///
    /// An element without a `for`, or with two, counts as `unknown`.
    ///
    /// ```
    /// use std::net::{IpAddr, SocketAddr};
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
    /// If an item of `trusted` is neither a network nor an address.
    ///
    /// [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239
    pub fn forwarded(
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        Ok(Self::new(Source::Forwarded, Trusted::parse(trusted)?))
    }

    /// Uses a header that contains only the client's address, such as
    /// `CF-Connecting-IP` or `X-Real-IP`, from proxies in the `trusted`
    /// networks; see [Behind proxies](Self#behind-proxies).
    ///
    /// Only for proxies that replace a header of that name that the client has
    /// sent. If the header is there more than once, the last one counts.
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
    /// If `name` is not a header name, or an item of `trusted` is neither a
    /// network nor an address.
    pub fn in_header(
        name: &str,
        trusted: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let source = Source::Single(header_name(name)?);
        Ok(Self::new(source, Trusted::parse(trusted)?))
    }

    /// Trusts a peer on a unix socket like one in a trusted network; see [Unix
    /// sockets](Self#unix-sockets). Off by default. Has no effect on
    /// [`peer`](Self::peer), which reads no header.
    ///
    /// Only for sockets that only your own proxy can open, because a process
    /// that can open it can claim any address.
    #[must_use]
    pub fn trust_unix_peer(self) -> Self {
        Self {
            trusts_unix: true,
            ..self
        }
    }

    /// Sets the prefixes under which a NAT64 in your network embeds the
    /// addresses of IPv4 clients (RFC 6052), in place of an earlier list.
    /// `64:ff9b::/96` is always known.
    ///
    /// Without it, clients behind a /96 prefix of your own share one budget,
    /// because their first 64 bits are equal.
    ///
    /// ```
    /// use std::net::{IpAddr, SocketAddr};
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
    /// If an item is not an IPv6 network of 32, 40, 48, 56, 64 or 96 bits.
    pub fn nat64(
        self,
        prefixes: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, InvalidSetting> {
        let nat64 = Nat64::parse(prefixes)?;
        Ok(Self { nat64, ..self })
    }

    /// Lets clients share a budget if the first `bits` of their IPv4 addresses
    /// are equal. The default is 32.
    ///
    /// # Panics
    ///
    /// If `bits` is 0 or above 32.
    #[must_use]
    #[track_caller]
    pub fn ipv4_prefix(self, bits: u8) -> Self {
        let ipv4_mask = valid(mask("IPv4 prefix length", bits, 32, "1 to 32"));
        Self { ipv4_mask, ..self }
    }

    /// Lets clients share a budget if the first `bits` of their IPv6 addresses
    /// are equal. The default is 64. Some providers assign networks of 56 or 48
    /// bits.
    ///
    /// # Panics
    ///
    /// If `bits` is 0 or above 128.
    #[must_use]
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        let ipv6_mask = valid(mask("IPv6 prefix length", bits, 128, "1 to 128"));
        Self { ipv6_mask, ..self }
    }

    /// Returns the whole address of the client, as it arrived; `None` without a
    /// peer, or with an untrusted peer that has no address.
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

    /// Returns the client that budgets go by.
    fn key_of_any(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<Client> {
        let client = self.client(extensions, headers)?;
        let client = client.unwrapped(&self.nat64);
        Some(client.masked(self.ipv4_mask, self.ipv6_mask))
    }

    /// Returns the client of a request, before masks apply.
    fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<Client> {
        match peer::of(extensions)? {
            Peer::Address(peer) if self.believes_addresses() => {
                self.proxied(Some(peer.address()), headers)
            }
            // Headers are not read, so one of a proxy is a sign of a mistake.
            Peer::Address(peer) => {
                self.warning.look_for_proxy(headers);
                Some(peer)
            }
            Peer::Unix if self.trusts_unix => self.proxied(None, headers),
            Peer::Unix => None,
        }
    }

    /// Returns whether a peer with an address can be trusted. Otherwise a
    /// header is a sign of a proxy that was not configured.
    #[inline]
    fn believes_addresses(&self) -> bool {
        !self.trusted.is_empty() && !matches!(self.source, Source::Peer)
    }

    /// Returns the client behind a peer. A peer without an address is trusted.
    fn proxied(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<Client> {
        let client = match &self.source {
            Source::Peer => peer,
            Source::XForwardedFor => {
                self.first_untrusted(peer, forwarded::x_forwarded_for(headers))
            }
            Source::Forwarded => self.first_untrusted(peer, forwarded::forwarded(headers)),
            Source::Single(name) => self.first_untrusted(peer, forwarded::single(headers, name)),
        };
        client.map(Client::from)
    }

    /// Returns the first untrusted hop, from the peer outwards; if all are
    /// trusted, the last one that is known.
    fn first_untrusted(
        &self,
        peer: Option<IpAddr>,
        entries: impl Iterator<Item = Option<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut hop = peer;
        let mut further = entries.take(MAX_ENTRIES).map_while(|entry| entry);
        // Ends at the first hop that is not trusted, or when entries run out.
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

    // Inlined, because a client that is returned through memory costs as much as
    // the rest of this.
    #[inline(always)]
    fn key<'a>(&'a self, req: &'a Request<B>) -> Option<Client> {
        // The common case: an IPv4 address is a key as it is, but for the mask.
        match peer::from_axum(req.extensions()) {
            Some(SocketAddr::V4(peer)) if !self.believes_addresses() => {
                self.warning.look_for_proxy(req.headers());
                Some(Client::from(*peer.ip()).masked_ipv4(self.ipv4_mask))
            }
            _ => out_of_line(|| self.key_of_any(req.extensions(), req.headers())),
        }
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
