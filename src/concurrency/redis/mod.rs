//! Limits of concurrency for a whole fleet.

mod builder;
mod counts;
mod enter;
mod fleet;
mod keys;
mod lease;
mod leased_limit;
mod log;
mod outbox;
mod redis;
mod script;
mod shared;
mod tend;

pub use self::{builder::RedisBuilder, counts::RedisCounts, lease::OnOutage, redis::Redis};
