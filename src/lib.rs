//! Placeholder.
pub mod clock;
pub mod limit;
mod sync;
