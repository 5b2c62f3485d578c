//! How a deadline travels: as the time that remains, because clocks differ.
//!
//! Timeouts are rounded down when they are written, so that a callee is never
//! told more time than remains, and when they are read, to the nanosecond.
//! `enforce` reads these headers, and `propagate` reads and writes them.

mod decimal;
mod digits;
mod form;
mod grpc;
mod malformed;

pub use self::form::Form;
pub(super) use self::{
    digits::duration,
    form::{GRPC, REQUEST, default_headers},
    malformed::MalformedTimeout,
};
