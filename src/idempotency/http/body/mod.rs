//! Bodies: reading them to their end within a memory budget, sending them to
//! the client while they are kept, and building them again.

pub(super) mod budget;
pub(super) mod buffer;
pub(super) mod buffered;
mod channel;
mod from_buffered;
mod response_body;
pub(super) mod tee;

pub use self::{buffered::BufferedBody, from_buffered::FromBuffered, response_body::ResponseBody};
