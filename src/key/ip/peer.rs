//! Where servers leave the address that a request came from.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

use super::Client;

/// Servers go before plain addresses: theirs cannot mean anything else.
#[inline]
pub(super) fn address(extensions: &Extensions) -> Option<Client> {
    let server = from_axum(extensions).or_else(|| from_tonic(extensions));
    server.or_else(|| plain(extensions))
}

#[cfg(feature = "axum")]
#[inline]
fn from_axum(extensions: &Extensions) -> Option<Client> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let real = extensions.get().map(|ConnectInfo(peer)| peer);
    let peer: &SocketAddr = real.or_else(|| extensions.get().map(|MockConnectInfo(peer)| peer))?;
    Some(peer.into())
}

#[cfg(not(feature = "axum"))]
fn from_axum(_extensions: &Extensions) -> Option<Client> {
    None
}

#[cfg(feature = "tonic")]
fn from_tonic(extensions: &Extensions) -> Option<Client> {
    use tonic::transport::server::TcpConnectInfo;

    let peer = extensions.get::<TcpConnectInfo>()?.remote_addr()?;
    Some((&peer).into())
}

#[cfg(not(feature = "tonic"))]
fn from_tonic(_extensions: &Extensions) -> Option<Client> {
    None
}

fn plain(extensions: &Extensions) -> Option<Client> {
    let socket = extensions.get::<SocketAddr>().map(Client::from);
    socket.or_else(|| extensions.get::<IpAddr>().copied().map(Client::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left<T: Clone + Send + Sync + 'static>(value: T) -> Option<String> {
        let mut extensions = Extensions::new();
        extensions.insert(value);
        address(&extensions).map(|peer| peer.to_string())
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
    fn a_servers_word_goes_before_a_plain_address() {
        let mut extensions = Extensions::new();
        extensions.insert(axum::extract::ConnectInfo(socket()));
        extensions.insert(IpAddr::from([198, 51, 100, 1]));
        assert_eq!(address(&extensions), Some(socket().ip().into()));
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
}
