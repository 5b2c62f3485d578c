//! Deadlines that a layer enforces.

mod asked;
mod cancelled;
mod expiry;
mod hops;
mod rejected;
mod runtimes;
mod servers;
pub(crate) mod support;
