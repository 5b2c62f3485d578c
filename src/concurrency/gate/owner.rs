//! The events of a gate, of which it tells the limiter that moves its limit.

use std::{fmt, sync::Arc};

use super::{gate::Gate, work::Work};
use crate::concurrency::adaptive::Estimate;

/// Moves the limit of a gate, or counts its permits. The gate calls it without
/// a lock, so it may call the gate. The methods do nothing unless overridden.
pub(crate) trait Owner: fmt::Debug + Send + Sync + 'static {
    /// Whether permits note the instant of their admission, so that
    /// [`ended`](Self::ended) is called. It costs two reads of the clock.
    fn is_timed(&self) -> bool {
        false
    }

    /// Called when a request found no permit: it is queued if `is_queued`, and
    /// refused otherwise.
    fn wanted(&self, gate: &Arc<Gate>, is_queued: bool) {
        let _ = (gate, is_queued);
    }

    /// Called with the work of a permit that ends, while it is still in flight.
    fn ended(&self, gate: &Arc<Gate>, work: Work) {
        let _ = (gate, work);
    }

    /// Returns the durations by which it moves the limit, if it does so by
    /// durations.
    fn estimate(&self) -> Option<Estimate> {
        None
    }

    /// Called when a permit came back and no waiting request took it, and when
    /// the last request left the queue of an unused gate. This many permits are
    /// still in flight.
    fn returned(&self, gate: &Arc<Gate>, in_flight: u32) {
        let _ = (gate, in_flight);
    }
}
