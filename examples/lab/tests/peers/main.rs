//! The models of peers decide as the crates do.
//!
//! The crates read the clock of the system. So a test asserts only what follows from
//! the instants before and after its calls, however long they took, and starts anew
//! if these leave two answers open.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod limitador;
mod support;
mod tower_governor;
mod versions;
