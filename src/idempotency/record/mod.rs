//! Records of completed work, and their layout in a store.
//!
//! `content` is what users see. `layout` encodes it, with its `head` before the
//! body, which `lz4` may compress. Stores keep the bytes without reading them.

mod content;
mod error;
mod head;
mod layout;
mod lz4;

pub use self::{
    content::{Body, Record, Reply},
    error::RecordError,
};
