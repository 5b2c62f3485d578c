//! Adds the families of all components in a snapshot to an exposition.

#[cfg(feature = "redis")]
use super::connections;
#[cfg(feature = "idempotency")]
use super::keys;
#[cfg(feature = "client")]
use super::retries;
use super::{concurrency, deadlines, drains, limiters};
use crate::red::{Snapshot, export::prometheus::exposition::Exposition};

/// Adds everything that a snapshot has beside requests.
pub(crate) fn add(into: &mut Exposition, snapshot: &Snapshot) {
    for counts in &snapshot.limiters {
        limiters::add(into, counts);
    }
    for counts in &snapshot.concurrency {
        concurrency::add(into, counts);
    }
    if let Some(counts) = &snapshot.drain {
        drains::add(into, counts);
    }
    if let Some(counts) = &snapshot.deadlines {
        deadlines::add(into, counts);
    }
    for (name, counts) in &snapshot.registries {
        deadlines::add_registry(into, name, counts);
    }
    #[cfg(feature = "redis")]
    for (name, counts) in &snapshot.connections {
        connections::add(into, name, counts);
    }
    #[cfg(feature = "idempotency")]
    if let Some(counts) = &snapshot.keys {
        keys::add(into, counts);
    }
    #[cfg(feature = "client")]
    if let Some(counts) = &snapshot.retries {
        retries::add(into, counts);
    }
}
