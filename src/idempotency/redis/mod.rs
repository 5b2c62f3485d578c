//! The store of records in Redis: the public handle, the client of its script,
//! and large records, which have their own lane.

mod client;
mod counts;
mod eviction;
mod large_records;
mod pause;
mod store;
mod store_reply;
mod waiting;

pub use self::{counts::RedisCounts, store::Redis};
