//! One quota, read from any of the fields of a response.

use std::time::Duration;

use http::HeaderMap;

use super::{legacy, list};

/// The most quotas that are read from one response.
pub(super) const MAX_QUOTAS: usize = 16;

/// One of the server's quotas, as a response tells it. Each part may be
/// missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaAdvice {
    pub(super) name: String,
    pub(super) partition: Option<Vec<u8>>,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    pub(super) remaining: Option<u64>,
    pub(super) more_after: Option<Duration>,
}

impl QuotaAdvice {
    /// Returns the name of the quota; empty for fields that have none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the partition that the call was counted in (`pk`), such as a
    /// user. Quotas of one name and different partitions are separate.
    pub fn partition(&self) -> Option<&[u8]> {
        self.partition.as_deref()
    }

    /// Returns how many calls the whole quota is (`q`).
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Returns the time in which the whole quota comes back (`w`), never zero.
    pub fn window(&self) -> Option<Duration> {
        self.window
    }

    /// Returns how many calls are left (`r`).
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// Returns how long until there is more (`t`).
    pub fn more_after(&self) -> Option<Duration> {
        self.more_after
    }
}

/// Reads what a response says about its server's quotas, at most 16 of them.
///
/// The first of these forms that is there counts:
///
/// | form | example |
/// |---|---|
/// | lists with a member for each quota | `RateLimit-Policy: "default";q=20;w=2` and `RateLimit: "default";r=9;t=1` |
/// | draft 7, one quota | `RateLimit: limit=20, remaining=9, reset=1` and `RateLimit-Policy: 20;w=2` |
/// | three fields, one quota | `RateLimit-Limit: 20`, `RateLimit-Remaining: 9` and `RateLimit-Reset: 1` |
/// | the same with a prefix | `X-RateLimit-Limit: 20` and so on |
///
/// A `RateLimit-Reset` beyond 10^9 is a time of Unix, as some servers write it.
/// A quota of bytes or of concurrent calls (`qu`) is left out, because it does
/// not say how many calls may be sent.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderMap;
/// use sluicegate::client::advice::quotas;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-ratelimit-remaining", "9".parse().unwrap());
/// headers.insert("x-ratelimit-reset", "30".parse().unwrap());
/// let [quota] = &quotas(&headers)[..] else { panic!() };
/// assert_eq!(quota.remaining(), Some(9));
/// assert_eq!(quota.more_after(), Some(Duration::from_secs(30)));
/// ```
pub fn quotas(headers: &HeaderMap) -> Vec<QuotaAdvice> {
    let listed = list::read(headers);
    match listed.is_empty() {
        true => legacy::read(headers).into_iter().collect(),
        false => listed,
    }
}
