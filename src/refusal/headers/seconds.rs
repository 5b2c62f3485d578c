//! Times in whole seconds, and `Retry-After`, which is one.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

use super::number::whole_number;

/// Writes `Retry-After`: whole seconds, rounded up, at least 1 (RFC 9110,
/// section 10.2.3).
pub(in crate::refusal) fn write_retry_after(retry: Duration, headers: &mut HeaderMap) {
    headers.insert(RETRY_AFTER, whole_number(seconds_up(retry).max(1)));
}

/// Returns whole seconds, rounded up.
pub(super) fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
