//! Denials, remembered until they are over, but for a bounded time.
//!
//! The cache keeps the bucket itself, as the denial left it, and asks the rule
//! again. Others only take from the bucket, so nothing can pass before the rule
//! says so. A remembered denial applies to exactly the costs that Redis would
//! deny, and a caller gets the same numbers as from Redis.
//!
//! A credit or a reset makes a bucket fuller. Then this process forgets its
//! denial; other processes learn of it when they ask again, which is why a
//! denial is remembered for a bounded time only.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU64},
};

use ahash::RandomState;

use super::call::{replay::Denial, request::Epoch};
use crate::{
    clock::{Clock, Monotonic, Tick},
    limit::{
        decision::Decision,
        rules::{quota::Cost, rule::reserve, script::Scripted},
    },
    sync::{Mutex, MutexGuard, Ordering::Relaxed, lock},
};

/// Each shard has its own lock, so that denied callers rarely wait for each
/// other.
const SHARDS: usize = 16;

/// Buckets that had to deny, by the hash of their names.
pub(super) struct DenialCache<S> {
    shards: [CacheShard<S>; SHARDS],
    /// The most denials in one shard.
    shard_capacity: usize,
    /// For how many ticks a denial is remembered at most.
    max_keep: Tick,
    /// The clock by which denials are forgotten.
    clock: Monotonic,
}

/// The denials of some of the buckets.
struct CacheShard<S> {
    /// By the hash of the bucket's name.
    denied: Mutex<HashMap<u64, DeniedBucket<S>, RandomState>>,
    /// How often something was forgotten on demand.
    epoch: AtomicU64,
    /// Whether nothing was remembered yet, so that most limiters, which do not
    /// deny, share a value that does not change instead of a lock.
    is_unused: AtomicBool,
}

/// A bucket that had to deny.
struct DeniedBucket<S> {
    /// As the denial left it.
    state: S,
    /// When it denied, by the server's clock and by ours.
    then: (Tick, Tick),
    /// The cost that was denied; the state may not apply to other costs.
    cost: Cost,
    /// When it is forgotten, by our clock: at the latest when that cost would
    /// pass.
    until: Tick,
}

impl<S: Clone> DenialCache<S> {
    /// Remembers up to `capacity` denials, each for `max_keep` ticks at most.
    pub(super) fn new(capacity: usize, max_keep: Tick) -> Self {
        Self {
            shards: std::array::from_fn(|_| CacheShard {
                denied: Mutex::default(),
                epoch: AtomicU64::new(0),
                is_unused: AtomicBool::new(true),
            }),
            shard_capacity: capacity.div_ceil(SHARDS),
            max_keep,
            clock: Monotonic::new(),
        }
    }

    /// To be read before a request is sent; see [`Epoch`].
    pub(super) fn epoch(&self, hash: u64) -> Epoch {
        Epoch(self.shard(hash).epoch.load(Relaxed))
    }

    /// Returns the denial that Redis would answer too, if that is certain.
    pub(super) fn recall<R: Scripted<State = S>>(
        &self,
        rule: &R,
        hash: u64,
        cost: Cost,
        max_wait: Tick,
    ) -> Option<Decision> {
        let shard = self.shard(hash);
        if shard.is_unused.load(Relaxed) {
            return None;
        }
        let mut denied = shard.lock();
        let bucket = denied.get(&hash)?;
        let now = self.clock.now();
        if now >= bucket.until {
            denied.remove(&hash);
            return None;
        }
        if !rule.covers(bucket.cost, cost) {
            return None;
        }
        let (server, ours) = bucket.then;
        let now = server + now.saturating_sub(ours);
        let decision = reserve(rule, &mut bucket.state.clone(), now, cost, max_wait);
        decision.is_denied().then_some(decision)
    }

    /// Remembers a denial until `retry` ticks from now, or for a shorter time.
    /// Does nothing if the bucket was forgotten since the request was made.
    pub(super) fn remember(&self, denial: &Denial<'_, S>, retry: Tick) {
        let hash = denial.request.bucket.hash;
        let shard = self.shard(hash);
        let mut denied = shard.lock();
        if Epoch(shard.epoch.load(Relaxed)) != denial.request.epoch {
            return;
        }
        let ours = self.clock.now();
        make_room(&mut denied, self.shard_capacity, ours);
        let bucket = DeniedBucket {
            state: denial.state.clone(),
            then: (denial.now, ours),
            cost: denial.request.cost(),
            until: ours.saturating_add(retry.min(self.max_keep)),
        };
        denied.insert(hash, bucket);
        shard.is_unused.store(false, Relaxed);
    }

    /// Forgets a denial, and those that are under way to be remembered.
    pub(super) fn forget(&self, hash: u64) {
        let shard = self.shard(hash);
        // The lock orders the new epoch before any later `remember`.
        let mut denied = shard.lock();
        shard.epoch.fetch_add(1, Relaxed);
        denied.remove(&hash);
    }

    /// The shard of a bucket, by the low bits of its hash.
    fn shard(&self, hash: u64) -> &CacheShard<S> {
        &self.shards[hash as usize % SHARDS]
    }
}

impl<S> CacheShard<S> {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, DeniedBucket<S>, RandomState>> {
        lock(&self.denied)
    }
}

/// How many denials are examined to find one that is over. To examine all
/// would hold the lock for too long.
const MAX_EXAMINED: usize = 8;

/// Removes a denial if the shard is full: one that is over, or else any. A
/// denial that is removed early costs one more request.
fn make_room<S>(
    denied: &mut HashMap<u64, DeniedBucket<S>, RandomState>,
    capacity: usize,
    now: Tick,
) {
    if denied.len() < capacity {
        return;
    }
    let some = || denied.iter().take(MAX_EXAMINED);
    let over = some().find(|(_, bucket)| bucket.until <= now);
    if let Some((&hash, _)) = over.or_else(|| some().next()) {
        denied.remove(&hash);
    }
}
