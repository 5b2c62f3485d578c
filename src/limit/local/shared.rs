//! The state that the clones of a limiter share, and each operation on a
//! bucket: the clock is read, the store finds the bucket, the rule changes it.

use std::{hash::Hash, sync::Arc};

use ahash::RandomState;

use super::{
    refunds::Refunds,
    store::{Change, Lifespan, Store},
    wait_queue::WaitQueues,
};
use crate::{
    clock::{Clock, Tick},
    limit::{
        decision::Decision,
        rules::{
            quota::{Cost, MAX_COST},
            rule::{Rule, reserve, take_up_to},
        },
    },
    sync::{Mutex, MutexGuard, lock},
};

impl<R: Rule> Lifespan<R::State> for R {
    #[inline(always)]
    fn life(&self, state: &R::State, now: Tick) -> Tick {
        Rule::life(self, state, now)
    }

    #[inline(always)]
    fn lifetime(&self) -> Tick {
        Rule::lifetime(self)
    }
}

/// The state that the clones of a limiter share.
pub(super) struct Shared<R, S, C> {
    pub(super) rule: R,
    pub(super) clock: C,
    pub(super) store: S,
    /// Seeded anew in each process, so that no client can choose keys that
    /// collide.
    pub(super) hasher: RandomState,
    pub(super) name: Arc<str>,
    /// The sum given back in any way, as [marks](Rule::mark) count.
    pub(super) refunds: Refunds,
    /// The sum that credits gave back, as costs.
    pub(super) credits: Refunds,
    /// Locked before the bucket, by callers that book or give back a place.
    pub(super) wait_queues: Mutex<WaitQueues>,
}

/// The step of [`Shared::check`].
struct Decide<'a, R, C> {
    rule: &'a R,
    clock: &'a C,
    cost: Cost,
}

impl<R: Rule, C: Clock> Change<R::State, Decision> for Decide<'_, R, C> {
    #[inline(always)]
    fn apply(&mut self, state: &mut R::State, now: Tick) -> Decision {
        // Not one call with either instant: then the rule would be asked what
        // it knows about the first instant once more.
        match self.rule.is_ahead(state, now) {
            true => self.decide_later(state),
            false => self.rule.decide(state, now, self.cost),
        }
    }
}

impl<R: Rule, C: Clock> Decide<'_, R, C> {
    /// Reads the clock again: another thread has read it later and come first.
    #[cold]
    #[inline(always)]
    fn decide_later(&self, state: &mut R::State) -> Decision {
        self.rule.decide(state, self.clock.now(), self.cost)
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Returns the hash by which the store knows a key.
    #[inline]
    pub(super) fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Changes a bucket as the rule says, at the present instant.
    #[inline(always)]
    pub(super) fn update<T>(
        &self,
        key: u64,
        mut change: impl FnMut(&R, &mut R::State, Tick) -> T,
    ) -> T {
        // Another thread may have read the clock later and come first.
        let change = |state: &mut R::State, now: Tick| {
            let late = self.rule.is_ahead(state, now);
            let now = if late { self.clock.now() } else { now };
            change(&self.rule, state, now)
        };
        let clock = || self.clock.now();
        self.store.update(&self.rule, key, clock, change)
    }

    /// Takes `cost` if it is there.
    #[inline(always)]
    pub(super) fn check(&self, key: u64, cost: Cost) -> Decision {
        let (rule, clock) = (&self.rule, &self.clock);
        let decide = Decide { rule, clock, cost };
        self.store.update(rule, key, || clock.now(), decide)
    }

    /// Takes as much as there is, up to `cost`, and returns how much.
    pub(super) fn check_up_to(&self, key: u64, cost: Cost) -> (Cost, Decision) {
        self.update(key, |rule, state, now| take_up_to(rule, state, now, cost))
    }

    /// See [`Rule::credit`].
    pub(super) fn credit(&self, key: u64, cost: Cost) {
        self.credits.count(key, cost, || {
            self.give_back(key, cost);
            cost
        });
    }

    /// Gives back what was charged before.
    pub(super) fn give_back(&self, key: u64, cost: Cost) {
        self.refund(key, cost, |rule, state, now| rule.credit(state, now, cost));
    }

    /// Counts what a change gives back, which is no more than `cost`.
    pub(super) fn refund(
        &self,
        key: u64,
        cost: Cost,
        mut change: impl FnMut(&R, &mut R::State, Tick),
    ) {
        self.refunds.count(key, self.as_mark(cost), || {
            self.update(key, |rule, state, now| {
                // A mark is seen from the tick before its instant.
                let before = rule.mark(state, now + 1);
                change(rule, state, now);
                before.saturating_sub(rule.mark(state, now + 1))
            })
        });
    }

    /// Returns by how much a mark is less if so much was given back.
    pub(super) fn as_mark(&self, cost: Cost) -> u64 {
        u64::MAX - self.rule.mark_refunded(u64::MAX, cost)
    }

    /// See [`Rule::debit`].
    pub(super) fn debit(&self, key: u64, cost: Cost) {
        self.update(key, |rule, state, now| rule.debit(state, now, cost));
    }

    /// Makes the bucket whole.
    pub(super) fn reset(&self, key: u64) {
        // The bookings of waiting callers go with the state, so they must give
        // nothing back. The queues stay locked until it is gone.
        let mut queues = self.wait_queues();
        queues.clear(key);
        // More than any hold has charged.
        self.credits.count(key, MAX_COST, || {
            self.update(key, |_, state, _| *state = R::State::default());
            MAX_COST
        });
    }

    /// Takes `cost`, or books it within `max_wait` ticks.
    pub(super) fn reserve(&self, key: u64, cost: Cost, max_wait: Tick) -> Decision {
        self.update(key, |rule, state, now| {
            reserve(rule, state, now, cost, max_wait)
        })
    }

    pub(super) fn wait_queues(&self) -> MutexGuard<'_, WaitQueues> {
        lock(&self.wait_queues)
    }
}
