//! Saying no: what was refused, why, for how long, and how the caller is told.
//!
//! A layer that refuses makes a [`Refusal`]; one trait, [`Refuse`], turns it
//! into an answer. There are three:
//!
//! | | for | a refusal becomes |
//! |---|---|---|
//! | [`Answer`] | HTTP and gRPC, the default | a response: the inner service's error type stays as it is |
//! | [`AsError`] | any other service | an error, for which the service's error type must be `From<Refusal>`, as [`BoxError`] is |
//! | a closure | | what it makes of it |
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

mod answer;
mod body;
mod content_type;
mod decimal;
mod describe;
#[cfg(feature = "grpc")]
mod grpc;
mod headers;
#[cfg(feature = "idempotency")]
mod idempotency;
mod origin;
mod problem;
mod reason;
mod refusal;
mod refuse;
mod response;

pub use self::{
    answer::Answer,
    body::{FromText, NoText, Text},
    headers::Headers,
    reason::Reason,
    refusal::Refusal,
    refuse::{AsError, BoxError, Refuse},
};
pub(crate) use self::{
    content_type::{is_grpc, stub, trailers},
    decimal::Decimal,
    origin::{Origin, Passed},
};
