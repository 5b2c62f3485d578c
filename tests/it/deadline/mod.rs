//! Deadlines that a layer enforces.

mod asked;
mod cancelled;
mod expiry;
mod rejected;
mod servers;
mod support;
