//! Warnings about a server that does not know its clients. Each is logged once,
//! because every request would cause it.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http::HeaderMap;

use super::ip::sign_of_proxy;

/// Requests that are not looked at between two that are. To look for three
/// headers takes as long as a decision, and a proxy writes them into every
/// request. With the one that is looked at it is a prime, so that no number of
/// limits in a request makes the same one of them look each time.
const SKIPPED: u32 = 30;

thread_local! {
    /// Requests to skip until the next look of this thread.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Returns whether it is the turn of this request to be looked at. The first
/// one of each thread is.
#[inline]
fn is_turn() -> bool {
    LEFT.with(|left| {
        let turn = left.get() == 0;
        left.set(if turn { SKIPPED } else { left.get() - 1 });
        turn
    })
}

/// The warning of [`ClientIp::peer`](super::ClientIp::peer) about a proxy in
/// front of it. Clones share the one warning.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyWarning(Arc<AtomicBool>);

impl ProxyWarning {
    /// Warns if the request has a header that only proxies write, and it is its
    /// turn to be looked at.
    #[inline]
    pub(super) fn look_for_proxy(&self, headers: &HeaderMap) {
        if is_turn() && !self.0.load(Relaxed) {
            self.look(headers);
        }
    }

    #[cold]
    fn look(&self, headers: &HeaderMap) {
        let Some(header) = sign_of_proxy(headers) else {
            return;
        };
        // Swapped after the look, so that only one of several requests logs.
        if !self.0.swap(true, Relaxed) {
            tracing::warn!(
                target: "sluicegate::key",
                %header,
                "a request has a header that proxies write, but ClientIp::peer() uses the address \
                 of the connection, so all clients behind a proxy share one budget; if the proxy \
                 is yours, pass its network to ClientIp::forwarded_for, ClientIp::forwarded or \
                 ClientIp::in_header"
            );
        }
    }
}

/// The warning about requests without the address of a peer. Clones share the
/// one warning.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerWarning(Arc<AtomicBool>);

impl PeerWarning {
    /// Warns that `limiter` needs the address. For idempotency keys it is the
    /// name of their scope.
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
