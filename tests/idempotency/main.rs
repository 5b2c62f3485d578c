//! Work is done once, whatever is lost, late or repeated.
//!
//! [`model`] plays the same history to a store and to the rule that all stores
//! go by; a store plugs in by a [`model::Subject`].

#![allow(clippy::unwrap_used, reason = "a missing value fails the test")]

mod bodies;
mod duplicates;
mod durable;
mod ends;
mod grpc;
mod guard;
mod http;
mod leases;
mod local;
mod model;
mod outages;
mod record;
mod refused;
mod replay;
mod run_once;
#[path = "../support/runtimes.rs"]
mod runtimes;
mod server;
mod support;
