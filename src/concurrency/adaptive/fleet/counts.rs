//! Counts the calls of the instances in this process.

use std::sync::atomic::Ordering::Relaxed;

/// The outcome of a call, or of its answer.
pub(super) enum FleetCall {
    Answered,
    Failed,
    WarmStarted,
}

counters! {
    /// The counters that the clones of a handle share.
    pub(super) struct Counters(FleetCall);

    /// The counts of an [`AdaptiveFleet`](super::AdaptiveFleet) and its clones
    /// at one time.
    pub struct AdaptiveFleetCounts {
        /// Calls that Redis answered.
        answered: FleetCall::Answered,
        /// Calls that Redis did not answer, or whose answer cannot be read.
        failed: FleetCall::Failed,
        /// Limits that began with the median of the fleet.
        warm_started: FleetCall::WarmStarted,
    }
}

impl Counters {
    pub(super) fn count(&self, call: FleetCall) {
        self.counter(&call).fetch_add(1, Relaxed);
    }
}
