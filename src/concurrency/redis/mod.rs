//! Limits of concurrency for a whole fleet.

mod builder;
mod counts;
mod demand;
mod enter;
mod fleet;
mod keys;
mod lease;
mod leased_limit;
mod log;
mod outage;
mod outbox;
mod redis;
mod script;
mod shared;
mod tend;

pub use self::{builder::RedisBuilder, counts::RedisCounts, outage::OnOutage, redis::Redis};
