//! The pushback of gRPC, by which a server delays or forbids a retry.

use std::time::Duration;

use http::HeaderMap;

use super::{
    number::{MAX_DELAY, whole_in},
    retry::RetryAdvice,
};

/// The field of a response's headers or trailers (gRPC proposal A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Reads `grpc-retry-pushback-ms`; `None` if there is none.
///
/// A number of milliseconds is the exact delay. A negative number, a value that
/// cannot be read and a repeated field all forbid a retry (gRPC proposal A6).
///
/// ```
/// use std::time::Duration;
/// use http::HeaderMap;
/// use sluicegate::client::advice::{RetryAdvice, pushback};
///
/// let mut trailers = HeaderMap::new();
/// trailers.insert("grpc-retry-pushback-ms", "70".parse().unwrap());
/// assert_eq!(pushback(&trailers), Some(RetryAdvice::After(Duration::from_millis(70))));
/// trailers.insert("grpc-retry-pushback-ms", "-1".parse().unwrap());
/// assert_eq!(pushback(&trailers), Some(RetryAdvice::Never));
/// ```
pub fn pushback(fields: &HeaderMap) -> Option<RetryAdvice> {
    let mut values = fields.get_all(PUSHBACK).iter();
    let first = values.next()?;
    let millis = whole_in(first).filter(|_| values.next().is_none());
    Some(millis.map_or(RetryAdvice::Never, |millis| {
        RetryAdvice::After(Duration::from_millis(millis).min(MAX_DELAY))
    }))
}
