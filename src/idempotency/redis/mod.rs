//! The store of records in Redis: the public handle, the client of its script,
//! and large records, which have their own lane.
//!
//! A claim is one call of `client`, unless its record is large: then
//! `large_records` fetches it by a second call. `waiting` wakes duplicates when
//! the work ends, by messages and by asking again.

mod client;
mod counts;
mod eviction;
mod large_records;
mod pause;
mod store;
mod store_reply;
mod waiting;

pub use self::{counts::RedisCounts, store::Redis};
