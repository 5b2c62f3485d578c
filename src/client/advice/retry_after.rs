//! `Retry-After`, which is a number of seconds or a date.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderValue,
    header::{DATE, RETRY_AFTER},
};

use super::number::{MAX_DELAY, seconds, whole_in};

/// Reads `Retry-After`: the delay from now; `None` if there is none that can be
/// read.
///
/// A date is one of the three forms of HTTP: IMF-fixdate, and the obsolete ones
/// of RFC 850 and of `asctime` (RFC 9110, section 5.6.7). The delay until it
/// counts from the `Date` of the response, so that it is right where the two
/// machines' clocks differ. Without a `Date`, it counts from this machine's
/// clock. A date in the past is a delay of zero.
///
/// A number with a sign, a fraction or a unit is not one that HTTP allows, and
/// is ignored. Of several fields, the longest delay counts.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderMap;
/// use sluicegate::client::advice::retry_after;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".parse().unwrap());
/// assert_eq!(retry_after(&headers), Some(Duration::ZERO));
/// headers.insert("date", "Fri, 31 Dec 1999 23:59:09 GMT".parse().unwrap());
/// assert_eq!(retry_after(&headers), Some(Duration::from_secs(50)));
/// headers.insert("retry-after", "-5".parse().unwrap());
/// assert_eq!(retry_after(&headers), None);
/// ```
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter();
    let delays = values.filter_map(|value| match whole_in(value) {
        Some(number) => Some(seconds(number)),
        None => until(date(value)?, headers),
    });
    delays.max()
}

/// Returns the delay until a date.
fn until(at: SystemTime, headers: &HeaderMap) -> Option<Duration> {
    let now = headers.get(DATE).and_then(date);
    let now = now.unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default().min(MAX_DELAY))
}

pub(super) fn date(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?;
    httpdate::parse_http_date(text.trim_ascii()).ok()
}
