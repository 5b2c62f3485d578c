//! The worker as a process: killed, stopped, overloaded and asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod signals;
mod storm;
mod support;
