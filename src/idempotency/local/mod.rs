//! The store of records in this process: the public handle, the builder, and
//! the shards with their common capacity.
//!
//! A name selects one of 16 shards, each under its own lock. `capacity` is
//! common to all shards, and `pins` keeps the leases of living guards from
//! lapsing.

mod builder;
mod capacity;
mod pins;
mod shard;
mod store;

pub use self::{builder::LocalBuilder, store::Local};
