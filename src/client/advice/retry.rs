//! All that a failed call's response says about a retry, in one answer.

use std::time::Duration;

use http::HeaderMap;

use super::{pushback::pushback, retry_after::retry_after};
use crate::refusal::RETRY;

/// When a server wants a failed call to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAdvice {
    /// Not sooner than this long from now. Zero means that the time is up, and
    /// the client's own backoff decides.
    After(Duration),
    /// Not at all.
    Never,
}

impl RetryAdvice {
    /// Returns the delay; `None` if the server forbids a retry.
    pub fn delay(self) -> Option<Duration> {
        match self {
            Self::After(delay) => Some(delay),
            Self::Never => None,
        }
    }
}

/// Reads when a call may be tried again, from the headers or the trailers of
/// its response; `None` if they do not say.
///
/// A [`pushback`] overrides the others, because it is an exact answer to this
/// call. `x-sluicegate-retry: no`, by which an overloaded server of this crate
/// answers HTTP, forbids a retry. Otherwise the longer of `RetryInfo` and
/// `Retry-After` counts.
pub fn retry_advice(fields: &HeaderMap) -> Option<RetryAdvice> {
    let forbidden = || {
        let is_forbidden = fields.get(RETRY).is_some_and(|it| it == "no");
        is_forbidden.then_some(RetryAdvice::Never)
    };
    pushback(fields).or_else(forbidden).or_else(|| {
        let delay = retry_after(fields).max(retry_info(fields));
        delay.map(RetryAdvice::After)
    })
}

#[cfg(feature = "grpc")]
use super::retry_info::retry_info;

#[cfg(not(feature = "grpc"))]
fn retry_info(_fields: &HeaderMap) -> Option<Duration> {
    None
}
