//! Requests of clients behind proxies, and a key of several pieces. Test binaries
//! include this file by its path.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderValue, Request};
use sluicegate::key::{ClientIp, EncodedKey, StoreKey};

pub(crate) const PROXIES: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];
pub(crate) const PROXY: &str = "10.0.0.1";

pub(crate) fn request(peer: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    let peer: IpAddr = peer.parse().unwrap();
    request.extensions_mut().insert(SocketAddr::new(peer, 4711));
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

pub(crate) fn client(by: &ClientIp, peer: &str, headers: &[(&'static str, &str)]) -> String {
    by.address(&request(peer, headers)).unwrap().to_string()
}

/// The client as `X-Forwarded-For` lines tell it to a server behind [`PROXY`].
pub(crate) fn forwarded_for(lines: &[&str]) -> String {
    let by = ClientIp::forwarded_for(PROXIES).unwrap();
    let headers: Vec<_> = lines
        .iter()
        .map(|line| ("x-forwarded-for", *line))
        .collect();
    client(&by, PROXY, &headers)
}

pub(crate) fn forwarded(lines: &[&str]) -> String {
    let by = ClientIp::forwarded(PROXIES).unwrap();
    let headers: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
    client(&by, PROXY, &headers)
}

/// Writes its pieces itself, one by one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pieces(pub(crate) Vec<String>);

impl StoreKey for Pieces {
    fn encode(&self, out: &mut EncodedKey) {
        for piece in &self.0 {
            out.text(piece);
        }
    }
}
