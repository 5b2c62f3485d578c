//! The store of records on the disk of one machine: the public handle, and the
//! thread that owns the files.
//!
//! A call goes through `store`, which sends an operation to the `writer`. The
//! writer's thread runs it on `records`, saves a whole round at once, and
//! responds. `records` stands on four parts: the files (`disk`, with `layout`
//! and `expiry`), the `capacity`, the store's own `time`, and the
//! `write_count`, which shows whether the files are complete.

mod builder;
mod capacity;
mod disk;
mod error;
mod eviction;
mod expiry;
mod layout;
mod operations;
mod records;
mod reopen;
mod settings;
mod store;
mod time;
mod write_count;
mod writer;

pub use self::{builder::DurableBuilder, error::OpenError, settings::Fsync, store::Durable};
