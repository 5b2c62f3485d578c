//! Denials, remembered until they have passed, but not for long.
//!
//! What is kept is the bucket itself, as the denial left it, and the rule is
//! asked again: nothing can pass before it says so, for others only take. So a
//! denial holds for just those costs that it holds for, and who is denied from
//! memory hears the same numbers as from Redis. What can make a bucket fuller
//! sooner, a credit or a reset, makes this process forget; other processes hear of
//! it when they ask again, so a denial is remembered for a bounded time.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use ahash::RandomState;

use crate::{
    clock::{Clock, Monotonic, Tick},
    limit::{
        decision::Decision,
        rules::{quota::Cost, rule::reserve, script::Scripted},
    },
    sync::{Mutex, MutexGuard, Ordering::Relaxed, lock},
};

const SHARDS: usize = 16;

/// Buckets that had to deny, by the hash of their names.
pub(super) struct Denials<S> {
    shards: [Shard<S>; SHARDS],
    /// Of a shard.
    capacity: usize,
    /// For how many ticks a denial is remembered at most.
    longest: Tick,
    clock: Monotonic,
}

struct Shard<S> {
    denied: Mutex<HashMap<u64, Denied<S>, RandomState>>,
    /// How often something was forgotten on demand.
    epoch: AtomicU64,
}

/// A bucket that had to deny.
struct Denied<S> {
    state: S,
    /// The server's clock, and ours.
    then: (Tick, Tick),
    /// What was denied; the state may not tell of other costs.
    asked: Cost,
    /// When it is forgotten, by our clock: at the latest when what was denied would
    /// pass.
    until: Tick,
}

/// Taken before a question is sent: what was answered before someone made the
/// bucket fuller must not be remembered after it.
#[derive(Clone, Copy, Default)]
pub(super) struct Epoch(u64);

impl<S: Clone> Denials<S> {
    pub(super) fn new(capacity: usize, longest: Tick) -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard {
                denied: Mutex::default(),
                epoch: AtomicU64::new(0),
            }),
            capacity: capacity.div_ceil(SHARDS),
            longest,
            clock: Monotonic::new(),
        }
    }

    pub(super) fn epoch(&self, key: u64) -> Epoch {
        Epoch(self.shard(key).epoch.load(Relaxed))
    }

    /// The denial that Redis would answer too, if that is certain.
    pub(super) fn recall<R: Scripted<State = S>>(
        &self,
        rule: &R,
        key: u64,
        cost: Cost,
        patience: Tick,
    ) -> Option<Decision> {
        let mut denied = self.shard(key).lock();
        let known = denied.get(&key)?;
        let now = self.clock.now();
        if now >= known.until {
            denied.remove(&key);
            return None;
        }
        if !rule.covers(known.asked, cost) {
            return None;
        }
        let (server, ours) = known.then;
        let now = server + now.saturating_sub(ours);
        let decision = reserve(rule, &mut known.state.clone(), now, cost, patience);
        decision.is_denied().then_some(decision)
    }

    /// Keeps the state of a bucket that denied at `now` by the server's clock.
    pub(super) fn remember(
        &self,
        key: u64,
        epoch: Epoch,
        (state, now): (&S, Tick),
        asked: Cost,
        retry: Tick,
    ) {
        let shard = self.shard(key);
        let mut denied = shard.lock();
        if shard.epoch.load(Relaxed) != epoch.0 {
            return;
        }
        let ours = self.clock.now();
        make_room(&mut denied, self.capacity, ours);
        let until = ours.saturating_add(retry.min(self.longest));
        let known = Denied {
            state: state.clone(),
            then: (now, ours),
            asked,
            until,
        };
        denied.insert(key, known);
    }

    pub(super) fn forget(&self, key: u64) {
        let shard = self.shard(key);
        let mut denied = shard.lock();
        shard.epoch.fetch_add(1, Relaxed);
        denied.remove(&key);
    }

    fn shard(&self, key: u64) -> &Shard<S> {
        &self.shards[key as usize % SHARDS]
    }
}

impl<S> Shard<S> {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Denied<S>, RandomState>> {
        lock(&self.denied)
    }
}

/// How many are looked at to find one that has passed: all would be too many for
/// whoever waits for the lock.
const LOOKED_AT: usize = 8;

/// Forgets what has passed, or else anything: who is forgotten costs one more
/// question.
fn make_room<S>(denied: &mut HashMap<u64, Denied<S>, RandomState>, capacity: usize, now: Tick) {
    if denied.len() < capacity {
        return;
    }
    let some = || denied.iter().take(LOOKED_AT);
    let passed = some().find(|(_, known)| known.until <= now);
    if let Some((&key, _)) = passed.or_else(|| some().next()) {
        denied.remove(&key);
    }
}
