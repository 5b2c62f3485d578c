//! How a limiter in Redis holds: for how long, what becomes of orphans, and the
//! ids of its holds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    clock::Tick,
    limit::rules::{quota::Cost, script::HoldRequest},
    random,
};

/// The settings and ids that all clones of a limiter share.
pub(in crate::limit::redis) struct HoldSettings {
    /// For how many ticks a hold is kept from the instant on at which it is due.
    term: Tick,
    /// Whether one that was not settled by then is given back.
    gives_back: bool,
    /// Counts from a random number, so that no other process has the same ids.
    next_id: AtomicU64,
}

impl HoldSettings {
    pub(in crate::limit::redis) fn new(term: Tick, gives_back: bool) -> Self {
        Self {
            term,
            gives_back,
            next_id: AtomicU64::new(random::bits()),
        }
    }

    /// Returns the request to hold an estimate.
    pub(in crate::limit::redis) fn request(&self, cost: Cost, max_wait: Tick) -> HoldRequest {
        HoldRequest {
            cost,
            max_wait,
            term: self.term,
            gives_back: self.gives_back,
            id: self.next_id.fetch_add(1, Relaxed),
        }
    }
}
