//! Reads from a response when its server wants the next call.
//!
//! | function | reads |
//! |---|---|
//! | [`retry_advice`] | when this call may be tried again, by any of the next three |
//! | [`pushback`] | `grpc-retry-pushback-ms` (gRPC proposal A6) |
//! | [`retry_info`] | `google.rpc.RetryInfo` in `grpc-status-details-bin` (feature `grpc`) |
//! | [`retry_after`] | `Retry-After` (RFC 9110, section 10.2.3): seconds or a date |
//! | [`quotas`] | `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), and their older forms |
//!
//! Every value comes from another machine, so none is trusted. A value that
//! cannot be read is ignored, except for a pushback, which then forbids a retry,
//! as its specification demands. A number of any size is read, and none is
//! longer than [`MAX_DELAY`]. A caller has a lower cap of its own.
//!
//! ```
//! use std::time::Duration;
//! use http::HeaderMap;
//! use sluicegate::client::advice::{self, RetryAdvice};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("retry-after", "2".parse().unwrap());
//! headers.insert("ratelimit-policy", r#""default";q=20;w=2"#.parse().unwrap());
//! headers.insert("ratelimit", r#""default";r=0;t=1"#.parse().unwrap());
//!
//! let retry = advice::retry_advice(&headers);
//! assert_eq!(retry, Some(RetryAdvice::After(Duration::from_secs(2))));
//! let [quota] = &advice::quotas(&headers)[..] else { panic!() };
//! assert_eq!((quota.name(), quota.limit(), quota.remaining()), ("default", Some(20), Some(0)));
//! ```

mod legacy;
mod list;
mod number;
mod pushback;
mod quota;
mod retry;
mod retry_after;
#[cfg(feature = "grpc")]
mod retry_info;
#[cfg(test)]
mod tests;

#[cfg(feature = "grpc")]
pub use self::retry_info::retry_info;
pub use self::{
    number::MAX_DELAY,
    pushback::pushback,
    quota::{QuotaAdvice, quotas},
    retry::{RetryAdvice, retry_advice},
    retry_after::retry_after,
};
