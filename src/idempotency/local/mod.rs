//! Records in this process.

mod builder;
mod counts;
mod pins;
mod room;
mod shard;
mod store;

pub use self::{builder::LocalBuilder, counts::LocalCounts, store::Local};
