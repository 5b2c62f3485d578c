//! Limits whose state is in Redis.

mod batch;
mod builder;
mod check;
mod check_all;
mod client;
mod counts;
mod denial_cache;
mod eviction;
mod lease;
mod limiter;
mod member;
mod queue;
mod request;
mod unreadable;
mod wait;

pub(super) use self::check_all::{Queries, Query, ask, groups};
#[cfg(any(test, feature = "testing"))]
pub use self::check_all::{together, together_with_source};
pub use self::{builder::RedisBuilder, check::Checking, counts::RedisCounts, limiter::Redis};
