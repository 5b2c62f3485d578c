//! Work is done once, whatever is lost, late or said twice.
//!
//! [`model`] plays the same history to a store and to the rule that all stores go
//! by; a store plugs in by a [`model::Subject`].

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod duplicates;
mod durable;
mod guard;
mod local;
mod model;
mod record;
mod run_once;
mod support;
