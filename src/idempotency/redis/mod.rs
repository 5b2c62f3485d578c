//! Records in Redis.

mod ask;
mod bells;
mod counts;
mod eviction;
mod large;
mod listen;
mod pause;
mod reply;
mod store;

pub use self::{counts::RedisCounts, store::Redis};
