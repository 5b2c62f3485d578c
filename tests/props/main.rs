//! Laws that every rule keeps, over any quota and any arrivals.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod buckets;
mod client_ip;
mod holds;
mod key_names;
#[path = "../support/keys.rs"]
mod keys;
mod laws;
mod quota;
mod rate;
mod refused;
mod support;
mod windows;
mod wire;
