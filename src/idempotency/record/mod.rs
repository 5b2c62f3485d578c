//! Records of completed work, and their layout in a store.

mod content;
mod error;
mod head;
mod layout;
mod lz4;

pub use self::{
    content::{Body, Record, Reply},
    error::RecordError,
};
