//! The leases that this process holds, by bucket.

use std::collections::HashMap;

use ahash::RandomState;

use super::{
    super::call::replay::Grant,
    hot_key::{HotKey, LeaseReview},
};
use crate::{
    clock::{Clock, Monotonic, Tick},
    limit::{
        decision::Decision,
        rules::{quota::Cost, rule::Rule, script::Operation},
    },
    sync::{Mutex, MutexGuard, lock},
};

/// Each shard has its own lock, so that checks of different keys rarely wait
/// for each other.
const SHARDS: usize = 16;

/// How often the task that looks after a lease reviews it, in ticks.
pub(crate) const LEASE_REVIEW_TICKS: Tick = 50_000;

/// A lease that was not reviewed for so many ticks has lost its task, because
/// the task's runtime has ended.
const LOST_TASK_TICKS: Tick = 4 * LEASE_REVIEW_TICKS;

/// The most keys whose demand is measured.
const MAX_MEASURED_KEYS: usize = 16_384;

/// The leases that this process holds, and the demand for keys that may need
/// one.
pub(crate) struct LeaseTable<S> {
    /// By the hash of the bucket's name.
    shards: [Mutex<HashMap<u64, HotKey<S>, RandomState>>; SHARDS],
    /// The largest share of a bucket.
    max_share: Cost,
    /// The clock by which leases end here.
    clock: Monotonic,
}

impl<S: Clone> LeaseTable<S> {
    /// Leases up to `max_share` of each bucket.
    pub(crate) fn new(max_share: Cost) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            max_share,
            clock: Monotonic::new(),
        }
    }

    /// Spends the cost out of a lease, if there is one with so much left.
    ///
    /// Also returns what to ask of the server, without waiting for the reply,
    /// so that there is enough soon.
    pub(crate) fn spend<R: Rule<State = S>>(
        &self,
        rule: &R,
        hash: u64,
        cost: Cost,
    ) -> (Option<Decision>, Option<Operation>) {
        // No lease could cover such a cost.
        if cost > self.max_share {
            return (None, None);
        }
        let now = self.clock.now();
        let mut keys = self.shard(hash);
        if keys.len() >= MAX_MEASURED_KEYS / SHARDS && !keys.contains_key(&hash) {
            keys.retain(|_, known| known.is_of_use(now));
            if keys.len() >= MAX_MEASURED_KEYS / SHARDS {
                return (None, None);
            }
        }
        let known = keys.entry(hash).or_insert_with(|| HotKey::new(now));
        known.demand.add(now, cost);
        let decision = known.spend(rule, now, cost);
        (decision, known.renewal(now, self.max_share))
    }

    /// Adds a granted share; `charged` is the bucket after it was charged.
    /// Returns whether a task has to be found that looks after the lease.
    pub(crate) fn add(&self, grant: &Grant<'_, S>, charged: S) -> bool {
        let now = self.clock.now();
        let hash = grant.request.bucket.hash;
        let mut keys = self.shard(hash);
        let known = keys.entry(hash).or_insert_with(|| HotKey::new(now));
        known.grant(now, grant, charged);
        let attended = now < known.attended_until;
        known.attended_until = now + LOST_TASK_TICKS;
        !attended
    }

    /// Reviews a lease for the task that looks after it. The task ends unless
    /// the lease is to be kept.
    pub(crate) fn look_after(&self, hash: u64) -> LeaseReview {
        let now = self.clock.now();
        let mut keys = self.shard(hash);
        let Some(known) = keys.get_mut(&hash) else {
            return LeaseReview::Gone;
        };
        let review = known.review(now, LEASE_REVIEW_TICKS);
        if let LeaseReview::Keep = review {
            known.attended_until = now + LOST_TASK_TICKS;
        } else {
            known.attended_until = 0;
            known.share = None;
        }
        review
    }

    /// The present instant by the clock by which leases end here.
    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Locks the shard of a bucket.
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, HotKey<S>, RandomState>> {
        lock(&self.shards[hash as usize % SHARDS])
    }
}
