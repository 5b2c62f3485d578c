//! The state of the fleet, as an answer described it.

use std::time::Duration;

/// A fleet with an adaptive limit, as the last answer of Redis described it.
///
/// The sums and medians are at most half an interval older than the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetView {
    /// How old the answer is.
    pub age: Duration,
    /// The number of instances, with this one.
    pub instances: u32,
    /// The requests in flight in all instances.
    pub in_flight: u64,
    /// The sum of all limits.
    pub limit: u64,
    /// The median of the limits; `None` until an instance has learned one.
    pub median_limit: Option<u32>,
    /// The median of how long requests took in the last window of each
    /// instance; `None` until an instance has learned it.
    pub median_took: Option<Duration>,
    /// How high the limit of this instance may be; `None` without a
    /// [maximum](super::AdaptiveFleet::max).
    pub bound: Option<u32>,
}
