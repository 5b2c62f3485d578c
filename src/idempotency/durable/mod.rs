//! Records on the disk of one machine.

mod bells;
mod book;
mod builder;
mod clerk;
mod counts;
mod disk;
mod error;
mod fsync;
mod layout;
mod mark;
mod reopen;
mod room;
mod seal;
mod store;
mod time;

pub use self::{
    builder::DurableBuilder, counts::DurableCounts, error::OpenError, fsync::Fsync, store::Durable,
};
