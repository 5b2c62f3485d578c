//! Limits against real Redis servers, which the tests start on free ports and
//! end by their process ids.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod adaptive;
mod all;
mod background;
mod cluster;
mod cohorts;
mod connection;
mod cut_off;
mod dice;
mod evictions;
mod failures;
mod fake;
mod fleet;
mod holds;
mod idempotency;
mod kept;
mod layouts;
mod leases;
mod limiter;
mod log;
mod observed;
mod parity;
mod permits;
mod process;
mod proxy;
mod red;
mod registry;
mod retries;
#[path = "../support/runtimes.rs"]
mod runtimes;
mod scratch;
mod sentinel;
mod server;
mod steps;
mod unreadable;
