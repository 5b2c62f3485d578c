//! The store of records in this process: the public handle, the builder, and
//! the shards with their common capacity.

mod builder;
mod capacity;
mod pins;
mod shard;
mod store;

pub use self::{builder::LocalBuilder, store::Local};
