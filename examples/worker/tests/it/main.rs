//! The worker as a process: killed, stopped, overloaded and asked.

mod api;
mod signals;
mod storm;
mod support;
