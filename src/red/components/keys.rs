//! What became of idempotency keys.

use crate::{
    idempotency::{self, Counts, Event, Snapshot},
    red::Registry,
};

/// What became of keys: one set of counts will do, for the work itself costs much
/// more than a cache line.
#[derive(Default)]
pub(crate) struct Keys(Counts);

impl Keys {
    /// `None` before anything was noticed.
    pub(crate) fn read(&self) -> Option<Snapshot> {
        Some(self.0.snapshot()).filter(|counts| *counts != Snapshot::default())
    }
}

/// Counts what becomes of idempotency keys: give it to the layer, or to a claimant.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{idempotency::{IdempotencyLayer, Local}, key, red::Registry};
///
/// let metrics = Registry::new();
/// let layer = IdempotencyLayer::new(Local::new())
///     .principal(key::header("x-api-key"))
///     .observe(Arc::new(metrics.clone()));
/// # let _ = layer;
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "idempotency")))]
impl idempotency::Observe for Registry {
    fn noticed(&self, event: &Event) {
        self.components().keys.0.noticed(event);
    }
}
