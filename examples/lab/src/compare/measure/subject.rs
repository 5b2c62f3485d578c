//! The limiters that are measured in the process, and their limit.

use std::time::Duration;

use sluicegate::limit::Quota;

use crate::compare::grid::{BASE, quota};

/// The number of keys.
pub(super) const KEYS: u64 = 1_000;

/// A limiter and its clock.
pub(super) trait Subject {
    /// Moves the clock until each key has one more request to make, and makes it.
    /// Returns how many were admitted.
    fn round(&mut self) -> u64;
}

/// Returns the quota of the subjects.
pub(super) fn limit() -> Quota {
    quota(BASE)
}

/// Returns the time between two requests of a key: 2 % more than the limit has for
/// one, because a sliding window refuses some at exactly its rate.
pub(super) fn interval() -> Duration {
    limit().period() / limit().amount() as u32 * 102 / 100
}
