//! Whole numbers as servers write them, of any size.

use std::time::Duration;

use http::HeaderValue;

/// The longest delay that advice is read as: 30 years. A longer one is read as
/// this one.
pub const MAX_DELAY: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Parses a number that consists of digits only, between optional white space.
/// One that does not fit into 64 bits is `u64::MAX`.
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| is_number)?;
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Parses the number in a header value.
pub(super) fn whole_in(value: &HeaderValue) -> Option<u64> {
    whole(value.as_bytes())
}

/// Returns a delay of so many seconds, at most [`MAX_DELAY`].
pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(MAX_DELAY)
}
