//! Where servers leave the address that a request came from.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

/// Servers go before plain addresses: theirs cannot mean anything else.
const READERS: &[fn(&Extensions) -> Option<IpAddr>] = &[
    #[cfg(feature = "axum")]
    from_axum,
    #[cfg(feature = "tonic")]
    from_tonic,
    plain,
];

pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let found = READERS.iter().find_map(|read| read(extensions));
    found.map(|peer| peer.to_canonical())
}

#[cfg(feature = "axum")]
fn from_axum(extensions: &Extensions) -> Option<IpAddr> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let real = extensions.get().map(|ConnectInfo(peer)| peer);
    let peer: &SocketAddr = real.or_else(|| extensions.get().map(|MockConnectInfo(peer)| peer))?;
    Some(peer.ip())
}

#[cfg(feature = "tonic")]
fn from_tonic(extensions: &Extensions) -> Option<IpAddr> {
    use tonic::transport::server::TcpConnectInfo;

    let peer = extensions.get::<TcpConnectInfo>()?.remote_addr();
    peer.map(|peer| peer.ip())
}

fn plain(extensions: &Extensions) -> Option<IpAddr> {
    let socket = extensions.get().map(SocketAddr::ip);
    socket.or_else(|| extensions.get().copied())
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
        assert_eq!(address(&extensions), Some(socket().ip()));
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
