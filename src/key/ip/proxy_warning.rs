//! The warning of `ClientIp::peer` about a proxy that it does not know of.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::HeaderMap;

use super::forwarded;

/// Is logged once for all clones.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyWarning(Arc<AtomicBool>);

impl ProxyWarning {
    /// Warns of a header that only proxies write.
    #[inline]
    pub(super) fn look_for_proxy(&self, headers: &HeaderMap) {
        if !self.0.load(Relaxed) {
            self.look(headers);
        }
    }

    fn look(&self, headers: &HeaderMap) {
        let Some(header) = forwarded::sign_of_proxy(headers) else {
            return;
        };
        if !self.0.swap(true, Relaxed) {
            tracing::warn!(
                target: "sluicegate::key",
                %header,
                "a request has come with a header of proxies, but ClientIp::peer() goes by the \
                 address of the connection: all clients behind one proxy share one budget; if \
                 the proxy is yours, name its network to ClientIp::forwarded_for, \
                 ClientIp::forwarded or ClientIp::in_header"
            );
        }
    }
}
