//! What is kept of work that was done, and its layout in a store.

mod error;
mod head;
mod layout;
#[cfg(feature = "idempotency-compression")]
mod lz4;
#[cfg(not(feature = "idempotency-compression"))]
#[path = "no_lz4.rs"]
mod lz4;

pub use self::{
    error::RecordError,
    layout::{Body, Record, Reply},
};
