//! Removes records that have expired, or that have to make room for others.

use super::{expiry::ExpiryEntry, records::Records};
use crate::{
    clock::Tick,
    idempotency::{scope::Name, state::State, store::StoreError},
};

/// How many expired records of each stage a claim removes at most: more than it
/// can add.
pub(super) const MAX_REMOVED_PER_CLAIM: usize = 8;

impl Records {
    /// Returns the state under a name, once there is room for what a change at
    /// `now` needs. An expired state is absent to the change, and so to `need`.
    pub(super) fn make_room(
        &mut self,
        name: Name,
        now: Tick,
        need: impl Fn(Option<&State>) -> u64,
    ) -> Result<Option<State>, StoreError> {
        loop {
            // Read again in each round, because it may have been evicted
            // itself.
            let state = self.disk.read(name)?;
            let live = state.as_ref().filter(|state| state.expires() > now);
            let need = need(live);
            if self.capacity.fits(need) {
                return Ok(state);
            }
            if self.remove_expired(MAX_REMOVED_PER_CLAIM)? == 0 {
                self.evict(need)?;
            }
        }
    }

    /// Evicts the completed record that expires next, if eviction can free
    /// enough.
    fn evict(&mut self, need: u64) -> Result<(), StoreError> {
        if !self.capacity.could_fit(need) {
            return Err(StoreError::Full);
        }
        let next = self.disk.first(true)?.ok_or(StoreError::Full)?;
        self.remove(&next)?;
        self.capacity.count_eviction();
        Ok(())
    }

    /// Removes expired records, up to this many of each stage; returns how
    /// many.
    pub(super) fn remove_expired(&mut self, max_each: usize) -> Result<usize, StoreError> {
        let now = self.time.now();
        let mut removed = 0;
        for completed in [false, true] {
            for _ in 0..max_each {
                let Some(entry) = self.disk.first_expired(completed, now)? else {
                    break;
                };
                self.remove(&entry)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn remove(&mut self, entry: &ExpiryEntry) -> Result<(), StoreError> {
        self.write(false, Some(entry), None)?;
        self.capacity.give(entry);
        self.ended.push(entry.name);
        Ok(())
    }
}
