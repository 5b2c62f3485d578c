//! The clock of the rows: milliseconds since 1970.
//!
//! A clock that is wrong makes an event due early or late. It never lets an event
//! be completed twice, because the fencing token of its row decides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the present.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

/// Returns the instant this long after now.
pub(crate) fn after(duration: Duration) -> i64 {
    now().saturating_add(millis(duration))
}

/// Returns the time from now until this instant; zero if it has passed.
pub(crate) fn until(instant: i64) -> Duration {
    let left = instant.saturating_sub(now());
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
