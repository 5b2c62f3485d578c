//! The limit of concurrency in this process, and what all limiters of
//! concurrency have in common.

mod builder;
mod keys;
mod local;
#[cfg(all(test, sluicegate_loom))]
mod loom;
mod permits;
mod shard;

#[cfg(feature = "redis")]
pub(super) use self::builder::valid_limit;
pub use self::{
    builder::LocalBuilder,
    local::{Keying, Local},
    permits::Permits,
};
