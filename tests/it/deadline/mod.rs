//! Deadlines that a layer enforces.

mod cancellation;
mod coverage;
mod expiry;
mod hops;
mod rejections;
mod responses;
mod runtimes;
mod servers;
mod storm;
pub(crate) mod support;
mod timeouts;
