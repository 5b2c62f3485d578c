//! The store of records on the disk of one machine: the public handle, and the
//! thread that owns the files.

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
