//! The outcome of a request for a permit, and the futures of those that wait.

mod entry;
mod queue_wait;
mod waiting;

pub(super) use self::queue_wait::{QueueWait, Span};
pub use self::{entry::Entry, waiting::Waiting};
