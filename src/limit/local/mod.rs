//! Limits whose state is in this process: the limiter, the stores that keep its
//! buckets, and the waits of its callers.

pub(crate) mod builder;
mod hold;
pub(crate) mod limiter;
pub(crate) mod log_store;
pub(crate) mod member;
mod refunds;
pub(crate) mod shared;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod wait;
pub(crate) mod wait_queue;

pub use self::{
    builder::LocalBuilder,
    limiter::{Direct, Keyed, Local},
    wait::UntilReady,
};
