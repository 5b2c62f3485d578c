//! Some of the gates of a limiter with keys, which one lock guards.

use std::{
    collections::{HashMap, hash_map},
    sync::Arc,
};

use ahash::RandomState;

use crate::concurrency::{
    gate::{Gate, GateSettings},
    priority::Rank,
};

/// The idle gates that are kept for the next keys, so that a key which comes and
/// goes allocates nothing.
const MAX_SPARE_GATES: usize = 4;

/// A table of more places than this is shrunk once most of them are free.
const MIN_PLACES_TO_SHRINK: usize = 64;

/// Gates by the hashes of their keys.
pub(super) struct GateShard {
    gates: HashMap<u64, Arc<Gate>, RandomState>,
    spare: Vec<Arc<Gate>>,
    /// That of new gates.
    cut_off: Rank,
}

impl GateShard {
    /// Returns the gate of a key, and makes it if there is none.
    #[inline]
    pub(super) fn gate(
        &mut self,
        hash: u64,
        settings: &Arc<GateSettings>,
        limit: u32,
    ) -> &Arc<Gate> {
        match self.gates.entry(hash) {
            hash_map::Entry::Occupied(gate) => gate.into_mut(),
            hash_map::Entry::Vacant(place) => {
                let make = || Gate::new(settings.clone(), limit, hash);
                let gate = reuse(&mut self.spare, hash, limit);
                let gate = gate.unwrap_or_else(|| Arc::new(make()));
                gate.set_cut_off(self.cut_off);
                place.insert(gate)
            }
        }
    }

    /// Returns the gate of a key, if it has one.
    pub(super) fn find(&self, hash: u64) -> Option<&Arc<Gate>> {
        self.gates.get(&hash)
    }

    /// Returns whether this is still the gate of its key.
    pub(super) fn has(&self, gate: &Arc<Gate>) -> bool {
        let current = self.find(gate.tag());
        current.is_some_and(|current| Arc::ptr_eq(current, gate))
    }

    /// Drops a gate that is not in use.
    pub(super) fn drop_if_idle(&mut self, gate: &Arc<Gate>) {
        if !gate.is_idle() || !self.has(gate) {
            return;
        }
        let dropped = self.gates.remove(&gate.tag());
        if self.spare.len() < MAX_SPARE_GATES {
            self.spare.extend(dropped);
        }
        let places = self.gates.capacity();
        if places > MIN_PLACES_TO_SHRINK && self.gates.len() < places / 8 {
            self.gates.shrink_to(places / 4);
        }
    }

    /// Sets the cut-off of new gates. Returns those that have to be told.
    pub(super) fn set_cut_off(&mut self, cut_off: Rank) -> Vec<Arc<Gate>> {
        self.cut_off = cut_off;
        self.gates()
    }

    /// Returns all gates, to be used without the lock.
    pub(super) fn gates(&self) -> Vec<Arc<Gate>> {
        self.gates.values().cloned().collect()
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.gates.len()
    }
}

impl Default for GateShard {
    fn default() -> Self {
        Self {
            gates: HashMap::default(),
            spare: Vec::new(),
            cut_off: Rank::LOWEST,
        }
    }
}

/// Returns a gate that another key has used, if nothing of that is left.
fn reuse(spare: &mut Vec<Arc<Gate>>, hash: u64, limit: u32) -> Option<Arc<Gate>> {
    let mut gate = spare.pop()?;
    Arc::get_mut(&mut gate)?.reset(limit, hash);
    Some(gate)
}
