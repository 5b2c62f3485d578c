//! A client that obeys the limits of the servers it calls.
//!
//! A server says in its responses how much of a quota is left, and when to come
//! back. [`advice`] reads that from the headers and trailers of HTTP and gRPC.

pub mod advice;
mod authority;
mod body;
pub mod obey;
mod peers;
mod random_bits;
#[cfg(feature = "reqwest")]
mod reqwest;
pub mod retry;
pub mod throttle;

#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::reqwest::{ReqwestClient, ReqwestFuture};
pub use self::{
    authority::ByAuthority,
    body::ResponseBody,
    obey::{Obey, ObeyLayer},
    retry::{
        BodySource, CloneSource, Progress, RepeatableBody, Retry, RetryBudget, RetryBudgetBuilder,
        RetryLayer, TapedBody,
    },
    throttle::{Throttle, ThrottleLayer},
};
