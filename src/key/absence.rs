//! Why a request has no key, and the one warning about a server that does not
//! know its peers. The layers of `limit` and `idempotency` ask here.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Why a request has no key. The greater of two is the one to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// The request does not carry what the key goes by, such as a header: the
    /// caller's mistake, answered with 400, or status 3 for gRPC.
    NotSent,
    /// The transport has not left the address of the peer in the request: a
    /// mistake in how the server was set up, answered with 500, or status 13 for
    /// gRPC.
    NoPeer,
}

/// Warns once of requests without a peer. Clones share the one warning.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerWarning(Arc<AtomicBool>);

impl PeerWarning {
    /// Names the limiter, or the namespace of idempotency keys, that needs the
    /// address.
    pub(crate) fn warn(&self, limiter: &str) {
        if self.0.swap(true, Relaxed) {
            return;
        }
        tracing::warn!(
            target: "sluicegate::key",
            limiter,
            "a request has no peer address, so the client's address is not known; with axum, turn \
             on the feature `axum` of sluicegate and serve the router by \
             `into_make_service_with_connect_info::<SocketAddr>()`; with tonic, turn on the \
             feature `tonic`; elsewhere, insert a `SocketAddr` into the request's extensions; a \
             peer on a unix socket has no address: if it is your own proxy, call \
             `ClientIp::trust_unix_peer`",
        );
    }
}
