//! How a deadline travels: as the time that remains, because clocks differ.
//!
//! What is written is rounded down, so that a callee is never told more time
//! than remains. What is read is rounded down to the nanosecond, too. `enforce`
//! reads these headers, and `propagate` reads and writes them.

mod decimal;
mod digits;
mod form;
mod grpc;
mod malformed;

pub(super) use self::{
    digits::duration,
    form::{GRPC, REQUEST, default_headers},
};
pub use self::{form::Form, malformed::MalformedTimeout};
