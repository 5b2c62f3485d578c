//! A client that obeys the limits of the servers it calls.
//!
//! A server says in its responses how much of a quota is left, and when to come
//! back. [`advice`] reads that from the headers and trailers of HTTP and gRPC, and
//! three layers act on it, outermost first:
//!
//! | layer | what it does |
//! |---|---|
//! | [`RetryLayer`] | sends a failed call again, if that is safe, within a budget |
//! | [`ThrottleLayer`] | refuses calls to a server that refuses most of them anyway |
//! | [`ObeyLayer`] | holds calls back until the server wants them |
//!
//! They wrap any client for `http` types, such as those of hyper-util and tonic, and
//! with the feature `reqwest` a `reqwest::Client`.

pub mod advice;
mod authority;
mod body;
pub mod obey;
mod peers;
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
