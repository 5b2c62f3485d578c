//! The forms of the rate limit fields before they were lists. They have room
//! for one quota, which has no name.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header::DATE};
use sfv::{Dictionary, ListEntry};

use super::{
    list::{self, unnamed_window, whole},
    number::{self, seconds},
    quota::QuotaAdvice,
    retry_after::date,
};

/// Seconds above this are a time of Unix: as a delay they would be 30 years.
const MIN_UNIX_TIME: u64 = 1_000_000_000;

/// The names of the fields, newer ones first.
const TRIPLES: [[&str; 3]; 3] = [
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
    [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ],
    [
        "x-rate-limit-limit",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
    ],
];

/// Reads the first form that says how much is left.
pub(super) fn read(headers: &HeaderMap) -> Option<QuotaAdvice> {
    let quota = dictionary(headers);
    quota.or_else(|| TRIPLES.iter().find_map(|names| triple(headers, *names)))
}

/// Reads draft 7: `RateLimit: limit=20, remaining=9, reset=1`.
fn dictionary(headers: &HeaderMap) -> Option<QuotaAdvice> {
    let fields: Dictionary = list::field(headers, list::STATE)?;
    let number = |name: &str| match fields.get(name)? {
        ListEntry::Item(item) => whole(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    quota(
        headers,
        number("limit"),
        number("remaining"),
        number("reset"),
    )
}

fn triple(headers: &HeaderMap, names: [&str; 3]) -> Option<QuotaAdvice> {
    let [limit, remaining, reset] = names.map(|name| first_number(headers, name));
    quota(headers, limit, remaining, reset)
}

fn quota(
    headers: &HeaderMap,
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<u64>,
) -> Option<QuotaAdvice> {
    Some(QuotaAdvice {
        remaining: Some(remaining?),
        limit,
        window: unnamed_window(headers, limit),
        more_after: reset.map(|it| until(it, headers)),
        ..QuotaAdvice::default()
    })
}

/// Returns the number that a field begins with. Some are followed by policies,
/// as in `20, 20;w=2`.
fn first_number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let value = headers.get(name)?.as_bytes();
    let ends = |byte: &u8| matches!(byte, b',' | b';');
    number::whole(value.split(ends).next()?)
}

/// Returns the delay of a reset, which is in seconds or a time of Unix.
fn until(reset: u64, headers: &HeaderMap) -> Duration {
    if reset < MIN_UNIX_TIME {
        return seconds(reset);
    }
    let now = headers.get(DATE).and_then(date);
    let now = now.unwrap_or_else(SystemTime::now);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    seconds(reset.saturating_sub(now.as_secs()))
}
