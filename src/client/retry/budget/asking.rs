//! The decision of a fleet's budget about one retry.

use std::{future::Future, pin::Pin};

/// The decision, once Redis has answered.
pub(in crate::client::retry) type Asking = Pin<Box<dyn Future<Output = FleetAnswer> + Send>>;

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
pub(in crate::client::retry) enum FleetAnswer {
    Admitted,
    Denied,
    /// Redis did not answer, or its state cannot be read. The budget of the
    /// process decides.
    Unavailable,
}
