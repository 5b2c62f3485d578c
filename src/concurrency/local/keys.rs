//! The gates of the keys that have permits in flight or requests in the queue.

use std::{
    fmt,
    hash::Hash,
    sync::{Arc, Weak},
};

use ahash::RandomState;

use super::shard::GateShard;
use crate::{
    concurrency::{
        ask::Ask,
        gate::{Entry, Gate, GateSettings, Load, Owner, Usage},
        priority::Rank,
    },
    stripes::stripe_count,
    sync::{Mutex, lock},
};

/// The number of shards for each group of threads.
const SHARDS_PER_STRIPE: usize = 8;

/// A gate for each key that is in use.
///
/// A key that is not in use has no gate, so the last permit drops the gate. A
/// request takes a free permit under the lock of the gate's shard, so that no
/// gate is dropped which is just being entered. All that may take longer, or run
/// code of others, happens without the lock.
pub(super) struct Keys {
    /// Their number is a power of two.
    shards: Box<[Mutex<GateShard>]>,
    hasher: RandomState,
    settings: Arc<GateSettings>,
    limit: u32,
    /// Held while the gates are told, so that of two changes the same is last
    /// for all of them.
    cut_off: Mutex<Rank>,
}

/// Drops the gates of keys that are not in use any more.
struct Reaper(Weak<Keys>);

impl Keys {
    pub(super) fn new(settings: GateSettings, limit: u32) -> Arc<Self> {
        let shards = stripe_count() * SHARDS_PER_STRIPE;
        Arc::new_cyclic(|keys| Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            settings: Arc::new(GateSettings {
                owner: Some(Arc::new(Reaper(keys.clone()))),
                ..settings
            }),
            limit,
            cut_off: Mutex::new(Rank::LOWEST),
        })
    }

    /// Asks the gate of a key.
    #[inline]
    pub(super) fn enter<K: Hash + ?Sized>(&self, key: &K, ask: Ask) -> Entry {
        let hash = self.hasher.hash_one(key);
        loop {
            let mut shard = lock(self.shard(hash));
            let gate = shard.gate(hash, &self.settings, self.limit);
            if let Some(permit) = gate.try_enter(ask.rank) {
                return Entry::Admitted(permit);
            }
            let gate = gate.clone();
            drop(shard);
            if let Some(entry) = self.queue_or_refuse(&gate, ask) {
                return entry;
            }
        }
    }

    /// Lets a request wait, or refuses it. Returns `None` if the gate was
    /// dropped meanwhile, so that the request has to begin again.
    #[cold]
    fn queue_or_refuse(&self, gate: &Arc<Gate>, ask: Ask) -> Option<Entry> {
        let entry = gate.queue_or_refuse(ask);
        let is_current = lock(self.shard(gate.tag())).has(gate);
        if matches!(entry, Entry::Refused(_)) {
            self.drop_if_idle(gate);
            return Some(entry);
        }
        is_current.then_some(entry)
    }

    /// Returns the limit and the permits in flight of a key.
    pub(super) fn load<K: Hash + ?Sized>(&self, key: &K) -> Load {
        let hash = self.hasher.hash_one(key);
        let shard = lock(self.shard(hash));
        let load = shard.find(hash).map(|gate| gate.load());
        load.unwrap_or(Load {
            limit: self.limit,
            in_flight: 0,
        })
    }

    /// Sets the lowest rank that gets a permit.
    pub(super) fn set_cut_off(&self, cut_off: Rank) {
        let mut current = lock(&self.cut_off);
        *current = cut_off;
        for shard in &self.shards {
            let gates = lock(shard).set_cut_off(cut_off);
            gates.iter().for_each(|gate| gate.set_cut_off(cut_off));
        }
    }

    /// Returns what is in use of all keys.
    pub(super) fn usage(&self) -> Usage {
        let mut sum = Usage {
            cut_off: *lock(&self.cut_off),
            ..Usage::NONE
        };
        for shard in &self.shards {
            let gates = lock(shard).gates();
            gates.iter().for_each(|gate| sum = sum + gate.usage());
        }
        sum
    }

    /// Returns the number of keys that have a gate.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn drop_if_idle(&self, gate: &Arc<Gate>) {
        if gate.is_idle() {
            lock(self.shard(gate.tag())).drop_if_idle(gate);
        }
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<GateShard> {
        // The table in the shard uses the other bits.
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }
}

impl Owner for Reaper {
    fn returned(&self, gate: &Arc<Gate>, in_flight: u32) {
        if in_flight > 0 {
            return;
        }
        if let Some(keys) = self.0.upgrade() {
            keys.drop_if_idle(gate);
        }
    }
}

impl fmt::Debug for Reaper {
    debug_opaque!(Reaper);
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
