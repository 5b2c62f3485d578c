//! RED metrics of a fleet. An instance is a registry, its traffic, and a handle
//! that ships; two of them share nothing here but the server.

mod alive;
mod cost;
mod cut;
mod exact;
mod foreign;
mod instance;
mod lossy;
mod restarts;
mod rights;
mod sums;
mod watch;
mod windows;
