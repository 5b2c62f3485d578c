//! The registry: where requests are counted, and read from.
//!
//! A [`Registry`] is a handle. It finds the [series](series) of a request in a
//! [table](table) that readers use without a lock, and hands out a
//! [guard](guard) that counts the end of the request exactly once. Each series
//! counts in [stripes](stripe), so that threads do not write to the same cache
//! lines.

pub(super) mod budget;
mod builder;
mod completion;
pub(super) mod guard;
pub(super) mod insert_only;
mod observe;
mod registry;
mod series;
pub(super) mod settings;
pub(super) mod stripe;
pub(super) mod stripes;
pub(super) mod table;

pub use self::{builder::Builder, registry::Registry};
