//! A part of the records, under one lock. The store finds the shard of a name,
//! and changes records only here, so that they are counted rightly.
//!
//! A shard keeps two orders of expiry, because eviction takes completed records
//! only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    clock::Tick,
    idempotency::{scope::Name, state::State, token::Token, waiters::Waiters},
};

/// The bytes that a record takes beside its own, at most.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 256;

/// The first 128 bits of a name, which identify it as well as all 256 do.
pub(super) type ShortName = [u8; 16];

/// The collections are trees, because those free memory as they shrink and are
/// not copied as they grow.
#[derive(Debug, Default)]
pub(super) struct Shard {
    /// The states, boxed so that nodes of the tree stay small.
    states: BTreeMap<ShortName, Box<Option<State>>>,
    /// The leases that do not lapse, with their lengths. Each is in `states`.
    pub(super) pinned: BTreeMap<ShortName, Tick>,
    /// When each leased state expires.
    leased: BTreeSet<(Tick, ShortName)>,
    /// When each completed state expires.
    completed: BTreeSet<(Tick, ShortName)>,
    /// The bytes of all states.
    pub(super) bytes: usize,
    /// The bytes that eviction could free.
    pub(super) completed_bytes: usize,
    /// The callers that wait for work of this shard.
    pub(super) waiters: Arc<Waiters<ShortName>>,
}

/// How a state is counted.
///
/// It is taken before and after each change, and the difference is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Footprint {
    /// Whether it may be evicted.
    completed: bool,
    /// Its place in the order of expiry.
    expires: Tick,
    bytes: usize,
}

impl Shard {
    /// Returns the number of states.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Returns the bytes that a claim adds.
    pub(super) fn need_to_claim(&self, name: Name) -> usize {
        match self.state(name) {
            Some(_) => 0,
            None => RECORD_OVERHEAD_BYTES,
        }
    }

    /// Returns the bytes that a record of this length adds, if this token may
    /// complete it.
    pub(super) fn need_to_complete(&self, name: Name, token: Token, length: usize) -> usize {
        match self.state(name) {
            Some(state) if state.is_leased_by(token) => length,
            _ => 0,
        }
    }

    /// Returns the bytes that a record of this length adds, if this token may
    /// complete it or nothing is there.
    pub(super) fn need_to_restore(&self, name: Name, token: Token, length: usize) -> usize {
        match self.state(name) {
            Some(_) => self.need_to_complete(name, token, length),
            None => RECORD_OVERHEAD_BYTES + length,
        }
    }

    /// Returns whether a holder is at work under this name.
    pub(super) fn is_running(&self, name: Name, now: Tick) -> bool {
        self.state(name).is_some_and(|state| state.is_running(now))
    }

    /// Changes the state under a name.
    ///
    /// Waiting callers are woken if the work does not run afterwards, and
    /// counts and orders of expiry follow the change.
    pub(super) fn change<T>(
        &mut self,
        name: Name,
        now: Tick,
        change: impl FnOnce(&mut Option<State>) -> T,
    ) -> T {
        let name = short(name);
        let state: &mut Option<State> = self.states.entry(name).or_default();
        let before = Footprint::of(state);
        let answer = change(state);
        if !state.as_ref().is_some_and(|state| state.is_running(now)) {
            self.waiters.notify(&name);
        }
        let after = Footprint::of(state);
        if after.is_none_or(|after| after.completed) {
            self.pinned.remove(&name);
        }
        if after.is_none() {
            self.states.remove(&name);
        }
        // A claim that changes nothing leaves the trees alone.
        if before != after {
            self.count_out(name, before);
            self.count_in(name, after);
        }
        answer
    }

    /// Changes a state that exists and continues to.
    ///
    /// It changes when the state expires, and nothing else: waiting callers
    /// keep waiting.
    pub(super) fn update(&mut self, name: ShortName, change: impl FnOnce(&mut Option<State>)) {
        let Some(state) = self.states.get_mut(&name) else {
            return;
        };
        let before = Footprint::of(state);
        change(state);
        let after = Footprint::of(state);
        self.count_out(name, before);
        self.count_in(name, after);
    }

    /// Removes expired states; returns the bytes that they took.
    ///
    /// A pinned lease is renewed instead of removed.
    pub(super) fn remove_expired(&mut self, now: Tick) -> usize {
        let before = self.bytes;
        for completed in [false, true] {
            while let Some((expires, name)) = self.expiries(completed).first().copied()
                && expires <= now
            {
                if completed || !self.renew_pinned(name, now) {
                    self.remove(name);
                }
            }
        }
        before - self.bytes
    }

    /// Returns when the next completed record expires.
    pub(super) fn next_expiry(&self) -> Option<Tick> {
        self.completed.first().map(|(expires, _)| *expires)
    }

    /// Removes that record; returns the bytes that it took.
    pub(super) fn evict_next(&mut self) -> Option<usize> {
        let before = self.bytes;
        let (_, name) = *self.completed.first()?;
        self.remove(name);
        Some(before - self.bytes)
    }

    /// Returns the state under a name.
    pub(super) fn state(&self, name: Name) -> Option<&State> {
        self.states.get(&short(name))?.as_ref().as_ref()
    }

    /// Removes a state, and wakes its waiting callers.
    fn remove(&mut self, name: ShortName) {
        if let Some(state) = self.states.remove(&name) {
            self.count_out(name, Footprint::of(&state));
            self.waiters.notify(&name);
        }
    }

    /// Returns the order of expiry for a stage.
    fn expiries(&mut self, completed: bool) -> &mut BTreeSet<(Tick, ShortName)> {
        match completed {
            true => &mut self.completed,
            false => &mut self.leased,
        }
    }

    /// Takes a state out of the order of expiry and of the counts.
    fn count_out(&mut self, name: ShortName, footprint: Option<Footprint>) {
        let Some(it) = footprint else { return };
        self.expiries(it.completed).remove(&(it.expires, name));
        // Cannot underflow: each state was counted in before.
        self.bytes -= it.bytes;
        self.completed_bytes -= it.bytes * usize::from(it.completed);
    }

    /// Puts a state into the order of expiry and into the counts.
    fn count_in(&mut self, name: ShortName, footprint: Option<Footprint>) {
        let Some(it) = footprint else { return };
        self.expiries(it.completed).insert((it.expires, name));
        self.bytes += it.bytes;
        self.completed_bytes += it.bytes * usize::from(it.completed);
    }
}

impl Footprint {
    /// Returns the footprint of a state; `None` if there is none.
    fn of(state: &Option<State>) -> Option<Self> {
        let state = state.as_ref()?;
        let record = state.record_len();
        Some(Self {
            completed: record.is_some(),
            expires: state.expires(),
            bytes: RECORD_OVERHEAD_BYTES + record.unwrap_or(0),
        })
    }
}

/// Returns the first 128 bits of a name.
pub(super) fn short(name: Name) -> ShortName {
    let mut short = ShortName::default();
    short.copy_from_slice(&name.as_bytes()[..16]);
    short
}
