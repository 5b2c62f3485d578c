//! Keeps a lease from lapsing while its guard is alive: the [`Guard`] has one
//! heartbeat, and drops it with itself.
//!
//! [`Guard`]: crate::idempotency::Guard

use std::sync::Arc;

use super::{
    queue::{QueueKey, RenewalQueue},
    renewal::Renewal,
};
use crate::idempotency::store::Store;

/// Keeps a lease until it is dropped: the store pins it, or it is renewed.
#[derive(Debug)]
pub(crate) struct Heartbeat<S: Store> {
    /// The lease. The queue has another reference while the renewal waits
    /// there.
    pub(crate) renewal: Arc<Renewal<S>>,
    queue: RenewalQueue<S>,
    /// Where the renewal is queued; `None` if the store has pinned the lease.
    queued: Option<QueueKey>,
}

impl<S: Store> Heartbeat<S> {
    /// Pins the lease if the store can, and queues its renewal otherwise.
    pub(crate) fn start(renewal: Renewal<S>, queue: RenewalQueue<S>) -> Self {
        let renewal = Arc::new(renewal);
        let (settings, token) = (&renewal.settings, renewal.lease.token());
        let is_pinned = settings.store.pin(renewal.name, token, settings.lease);
        let queued = (!is_pinned).then(|| queue.add(&renewal));
        Self {
            renewal,
            queue,
            queued,
        }
    }
}

impl<S: Store> Drop for Heartbeat<S> {
    /// Ends the pin or the renewals. Unless the work was completed or released
    /// before, the lease lapses: a full lease after now if it was pinned, and
    /// after its last renewal otherwise.
    fn drop(&mut self) {
        let Renewal { settings, name, .. } = &*self.renewal;
        let Some(queued) = self.queued else {
            return settings.store.unpin(*name, self.renewal.lease.token());
        };
        // First out of the queue, so that it cannot be started after `stop`.
        self.queue.remove(queued);
        self.renewal.stop();
    }
}
