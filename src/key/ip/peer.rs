//! Reads the peer of a connection from the places where servers leave it.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;
#[cfg(all(unix, feature = "tonic"))]
use tonic::transport::server::UdsConnectInfo;

use super::client::Client;

/// The other end of the connection that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Address(Client),
    /// A process of this machine, on a unix socket, without an address.
    Unix,
}

/// An extension of requests that came through a unix socket, whose peers have
/// no address.
///
/// - **axum** (feature `axum`) adds it if the router is served as
///   `app.into_make_service_with_connect_info::<UnixPeer>()`.
/// - **tonic** does not need it, because it adds its own `UdsConnectInfo`.
/// - Any other server inserts a `UnixPeer`.
///
/// See [`ClientIp::trust_unix_peer`](super::ClientIp::trust_unix_peer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnixPeer;

#[cfg(all(unix, feature = "axum"))]
impl axum::extract::connect_info::Connected<UnixStream<'_>> for UnixPeer {
    fn connect_info(_stream: UnixStream<'_>) -> Self {
        Self
    }
}

#[cfg(all(unix, feature = "axum"))]
type UnixStream<'a> = axum::serve::IncomingStream<'a, tokio::net::UnixListener>;

/// Returns the peer of a request. The types of servers come before plain
/// addresses, which the application may have inserted for another purpose, and
/// addresses come before unix sockets.
pub(super) fn of(extensions: &Extensions) -> Option<Peer> {
    let axum = from_axum(extensions).map(Client::from);
    let server = axum.or_else(|| from_tonic(extensions));
    let address = server.or_else(|| plain(extensions)).map(Peer::Address);
    address.or_else(|| rare(extensions))
}

/// Looks where few servers leave a peer.
fn rare(extensions: &Extensions) -> Option<Peer> {
    if is_unix(extensions) {
        return Some(Peer::Unix);
    }
    from_tonic_tls(extensions).map(Peer::Address)
}

/// Reads the address that axum, or a test of an axum router, has inserted.
#[cfg(feature = "axum")]
#[inline(always)]
pub(super) fn from_axum(extensions: &Extensions) -> Option<&SocketAddr> {
    axum_info(extensions)
}

#[cfg(feature = "axum")]
#[inline(always)]
fn axum_info<T: Clone + Send + Sync + 'static>(extensions: &Extensions) -> Option<&T> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let real = extensions.get().map(|ConnectInfo(peer)| peer);
    real.or_else(|| extensions.get().map(|MockConnectInfo(peer)| peer))
}

#[cfg(not(feature = "axum"))]
pub(super) fn from_axum(_extensions: &Extensions) -> Option<&SocketAddr> {
    None
}

#[cfg(feature = "tonic")]
fn from_tonic(extensions: &Extensions) -> Option<Client> {
    use tonic::transport::server::TcpConnectInfo;

    let peer = extensions.get::<TcpConnectInfo>()?.remote_addr()?;
    Some((&peer).into())
}

/// Asks tonic for the peer of a TLS stream that it did not make itself. The
/// type that it leaves is public only with tonic's TLS features, and tonic
/// reads it only from a request, so the extensions have to be copied.
#[cfg(feature = "tonic")]
#[cold]
fn from_tonic_tls(extensions: &Extensions) -> Option<Client> {
    // Only a request of tonic's own type has `remote_addr`.
    let (metadata, extensions) = (Default::default(), extensions.clone());
    let request = tonic::Request::from_parts(metadata, extensions, ());
    request.remote_addr().as_ref().map(Client::from)
}

#[cfg(not(feature = "tonic"))]
fn from_tonic(_extensions: &Extensions) -> Option<Client> {
    None
}

#[cfg(not(feature = "tonic"))]
fn from_tonic_tls(_extensions: &Extensions) -> Option<Client> {
    None
}

/// Reads an address that the application inserted.
fn plain(extensions: &Extensions) -> Option<Client> {
    let socket = extensions.get::<SocketAddr>().map(Client::from);
    socket.or_else(|| extensions.get::<IpAddr>().copied().map(Client::from))
}

fn is_unix(extensions: &Extensions) -> bool {
    let told = extensions.get::<UnixPeer>().is_some();
    #[cfg(feature = "axum")]
    let told = told || axum_info::<UnixPeer>(extensions).is_some();
    #[cfg(all(unix, feature = "tonic"))]
    let told = told || extensions.get::<UdsConnectInfo>().is_some();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left<T: Clone + Send + Sync + 'static>(value: T) -> Option<String> {
        let mut extensions = Extensions::new();
        extensions.insert(value);
        match of(&extensions)? {
            Peer::Address(peer) => Some(peer.to_string()),
            Peer::Unix => Some("unix".to_owned()),
        }
    }

    fn socket() -> SocketAddr {
        "192.0.2.1:4711".parse().unwrap()
    }

    #[test]
    fn reads_plain_addresses() {
        assert_eq!(left(socket()).as_deref(), Some("192.0.2.1"));
        assert_eq!(left(socket().ip()).as_deref(), Some("192.0.2.1"));
        assert_eq!(left("192.0.2.1"), None);
    }

    #[test]
    fn a_mapped_peer_is_its_ipv4_address() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:4711".parse().unwrap();
        assert_eq!(left(mapped).as_deref(), Some("192.0.2.1"));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn reads_what_axum_leaves() {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

        let found = left(ConnectInfo(socket()));
        assert_eq!(found.as_deref(), Some("192.0.2.1"));
        let found = left(MockConnectInfo(socket()));
        assert_eq!(found.as_deref(), Some("192.0.2.1"));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn the_type_of_a_server_comes_before_a_plain_address() {
        let mut extensions = Extensions::new();
        extensions.insert(axum::extract::ConnectInfo(socket()));
        extensions.insert(IpAddr::from([198, 51, 100, 1]));
        extensions.insert(UnixPeer);
        let peer = Peer::Address(socket().ip().into());
        assert_eq!(of(&extensions), Some(peer));
    }

    #[cfg(feature = "tonic")]
    #[test]
    fn reads_what_tonic_leaves() {
        let mut info = tonic::transport::server::TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(socket()),
        };
        assert_eq!(left(info.clone()).as_deref(), Some("192.0.2.1"));
        info.remote_addr = None;
        assert_eq!(left(info), None);
    }

    #[test]
    fn knows_peers_on_unix_sockets() {
        assert_eq!(left(UnixPeer).as_deref(), Some("unix"));
        #[cfg(feature = "axum")]
        {
            let info = axum::extract::ConnectInfo(UnixPeer);
            assert_eq!(left(info).as_deref(), Some("unix"));
        }
        #[cfg(all(unix, feature = "tonic"))]
        {
            let (peer_addr, peer_cred) = (None, None);
            let info = UdsConnectInfo {
                peer_addr,
                peer_cred,
            };
            assert_eq!(left(info).as_deref(), Some("unix"));
        }
    }
}
