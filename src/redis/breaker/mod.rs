//! The circuit breaker of a server, and the probes that close it again.
//!
//! `circuit` decides whether calls pass, and counts their outcomes. `turn`
//! decides who makes the next probe, because a breaker is shared by runtimes
//! that may be blocked or may end at any time.

mod circuit;
mod turn;

pub(crate) use self::circuit::{Breaker, Guarded, admit, is_open, record, rejects};
