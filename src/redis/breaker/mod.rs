//! The circuit breaker of a server, and the probes that close it again.

mod circuit;
mod turn;

pub(crate) use self::circuit::{Breaker, Guarded, admit, is_open, record, rejects};
