//! Limits whose state is in Redis.

mod backlog;
mod builder;
mod call;
mod check;
mod check_all;
mod client;
mod counts;
mod denial_cache;
mod failure_policy;
mod lease;
mod limiter;
mod member;
mod queue;
mod returns;
mod unreadable;
mod wait;

pub(super) use self::check_all::{AllRequest, AllRequests, group_by_call, reserve_group};
#[cfg(any(test, feature = "testing"))]
pub use self::check_all::{check_all, check_all_with_source};
pub use self::{
    builder::RedisBuilder,
    check::CheckFuture,
    counts::RedisCounts,
    failure_policy::{FailClosed, FailOpen, OrElse, Policy},
    limiter::Redis,
};
