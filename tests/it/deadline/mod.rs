//! Deadlines that a layer enforces.

mod answered;
mod asked;
mod cancelled;
mod coverage;
mod expiry;
mod hops;
mod rejected;
mod runtimes;
mod servers;
mod storm;
pub(crate) mod support;
