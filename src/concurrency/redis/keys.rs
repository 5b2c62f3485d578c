//! The limits of the keys that have permits, or were lately asked for.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Weak},
};

use ahash::RandomState;

use super::{enter::enter, leased_limit::LeasedLimit, shared::LeaseContext, tend::tend};
use crate::{
    clock::Tick,
    concurrency::{
        ask::Ask,
        gate::{Entry, Load, Usage},
        priority::Rank,
        shed::Shed,
    },
    key::{StoreKey, bucket_name},
    runtime::background,
    sync::{Mutex, MutexGuard, lock},
};

/// Each shard has its own lock, so that requests of different keys rarely wait
/// for each other.
const SHARDS: usize = 64;

/// How many keys there are at once at most. A request of another key is refused.
const MAX_KEYS: usize = 65_536;

/// A limit for each key in use.
pub(super) struct LeasedKeys {
    shards: [Mutex<LimitShard>; SHARDS],
    hasher: RandomState,
    shared: Arc<LeaseContext>,
    name: Arc<str>,
    cut_off: Mutex<Rank>,
    /// Held while the limits are told of a cut-off, so that of two the same is
    /// last for all of them.
    telling: Mutex<()>,
    /// This table, which the tasks of its limits keep.
    this: Weak<Self>,
}

/// Some of the limits, by the hashes of their keys.
type LimitShard = HashMap<u64, Arc<LeasedLimit>, RandomState>;

impl LeasedKeys {
    pub(super) fn new(name: Arc<str>, shared: Arc<LeaseContext>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            shared,
            name,
            cut_off: Mutex::new(Rank::LOWEST),
            telling: Mutex::new(()),
            this: this.clone(),
        })
    }

    /// Asks the limit of a key.
    pub(super) fn enter<K: StoreKey + Hash + ?Sized>(&self, key: &K, ask: Ask) -> Entry {
        match self.limit(key) {
            Some(limit) => enter(&limit, ask),
            None => Entry::Refused(Shed::Full),
        }
    }

    /// Returns the limit of a key, and makes it if there is none and there is
    /// room for one.
    fn limit<K: StoreKey + Hash + ?Sized>(&self, key: &K) -> Option<Arc<LeasedLimit>> {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if let Some(limit) = shard.get(&hash) {
            return Some(limit.clone());
        }
        if shard.len() >= MAX_KEYS / SHARDS {
            return None;
        }
        let limit = self.make(key, hash);
        shard.insert(hash, limit.clone());
        background().spawn(tend(limit.clone(), Some(self.this.clone())));
        Some(limit)
    }

    fn make<K: StoreKey + ?Sized>(&self, key: &K, hash: u64) -> Arc<LeasedLimit> {
        let prefix = self.shared.outbox.connection.prefix();
        let mut name = bucket_name(prefix, &self.name, key);
        name.extend(b":permits");
        let limit = LeasedLimit::new(name, &self.shared, hash);
        limit.gate.set_cut_off(*lock(&self.cut_off));
        limit
    }

    /// Takes out an unused limit: only this table and the task that
    /// tends it still know it. Returns whether it did.
    pub(super) fn remove_if_idle(&self, limit: &Arc<LeasedLimit>, now: Tick) -> bool {
        let hash = limit.gate.tag();
        let mut shard = self.shard(hash);
        // With the lock, because requests get limits from the table only.
        let is_unused = Arc::strong_count(limit) == 2 && limit.is_idle(now);
        if is_unused {
            shard.remove(&hash);
        }
        is_unused
    }

    /// Returns the permits of a key that are leased, and those in flight.
    pub(super) fn load<K: Hash + ?Sized>(&self, key: &K) -> Load {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        let limit = shard.get(&hash);
        limit.map(|limit| limit.gate.load()).unwrap_or_default()
    }

    /// Sets the lowest rank that gets a permit.
    pub(super) fn set_cut_off(&self, cut_off: Rank) {
        let _telling = lock(&self.telling);
        *lock(&self.cut_off) = cut_off;
        for limit in self.all() {
            limit.gate.set_cut_off(cut_off);
        }
    }

    /// Returns what is in use of all keys.
    pub(super) fn usage(&self) -> Usage {
        let cut_off = *lock(&self.cut_off);
        let none = Usage {
            cut_off,
            ..Usage::NONE
        };
        let usages = self.all().into_iter().map(|limit| limit.gate.usage());
        usages.fold(none, |sum, usage| sum + usage)
    }

    /// Returns all limits, to be used without the locks.
    pub(super) fn all(&self) -> Vec<Arc<LeasedLimit>> {
        let shards = self.shards.iter();
        let limits = shards.flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>());
        limits.collect()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, LimitShard> {
        // The table in the shard uses the other bits.
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}
