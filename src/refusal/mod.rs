//! Refused requests, and the responses or errors that their callers get.
//!
//! A layer that refuses a request makes a [`Refusal`], which says why and for
//! how long. The trait [`Refuse`] turns it into a response or an error. It is
//! implemented by:
//!
//! | type | for | a refusal becomes |
//! |---|---|---|
//! | [`Answer`] | HTTP and gRPC, the default | a response; the inner service's error type stays as it is |
//! | [`AsError`] | any other service | an error; the service's error type must be `From<Refusal>`, as [`BoxError`] is |
//! | a closure | any service | whatever the closure returns |
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::Refusal};
//!
//! let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
//! let layer = RateLimitLayer::new(limiter).refuse_with(|refusal: Refusal, _: &Request<String>| {
//!     let mut response = Response::new(format!("not now: {refusal}"));
//!     *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
//!     Ok::<_, std::convert::Infallible>(response)
//! });
//! # let _ = layer;
//! ```
//!
//! # Nested layers
//!
//! A layer further out sees a refusal of a layer further in as an ordinary
//! response, with the [`Refusal`] among its extensions. [`red`](crate::red)
//! counts it by its [`Reason`], `idempotency` does not store it, and the quota
//! headers name the limit that refused.
//!
//! # Errors
//!
//! The text of a refusal goes to clients, so it names a limit and a time, and
//! no details of the server. The error that led to it, such as one of Redis, is
//! its
//! [`source`](std::error::Error::source).

mod answer;
mod body;
mod content_type;
mod describe;
#[cfg(feature = "grpc")]
mod grpc;
mod headers;
mod making;
mod origin;
mod problem;
mod reason;
mod refusal;
mod refuse;
mod response;

#[cfg(feature = "client")]
pub(crate) use self::response::RETRY;
pub use self::{
    answer::Answer,
    body::{FromText, NoText},
    headers::Headers,
    reason::Reason,
    refusal::Refusal,
    refuse::{AsError, Refuse},
};
pub(crate) use self::{
    content_type::{is_grpc, request_stub, trailers},
    origin::{Origin, PassedRequest},
};
pub use crate::error::BoxError;
