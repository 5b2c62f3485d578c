//! The settings of a layer, which its services share.

use bytes::Bytes;

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct LayerSettings<X, A> {
    pub(super) exempt: X,
    pub(super) answer: A,
    /// Ends streams of server-sent events.
    pub(super) last_event: Option<Bytes>,
}
