//! Records in this process.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::idempotency::{
    claim::{Claim, ClaimRequest, LeaseStatus},
    fingerprint::Fingerprint,
    scope::Name,
    state,
    store::{Store, StoreError},
    token::Token,
};
use crate::{
    clock::{Clock, Monotonic, Tick},
    sync::{Mutex, MutexGuard, lock},
};

use super::{builder::LocalBuilder, counts::LocalCounts};
use super::{room::Room, shard::Shard};

/// Records in this process: for one instance, or where a client always meets the
/// same. They are gone when it ends.
///
/// It is a handle, and clones are one store.
///
/// # Leases
///
/// A holder is in this process, so that its lease does not lapse while its
/// [`Guard`](crate::idempotency::Guard) is alive, however long a handler blocks the runtime, and takes
/// no renewal. A guard that is dropped, by a panic for example, leaves its lease to lapse
/// as everywhere: from then on. Whoever claims by [`Store`] alone has a lease that lapses
/// by time.
///
/// # Memory
///
/// All records together take at most 64 MiB, unless that is
/// [set](LocalBuilder::capacity). Of each, that is its bytes, and 256 more for
/// what is around it, which is a little more than it takes. Records that have
/// expired make room by themselves, as others come.
///
/// When there is none left, the completed record that expires next is forgotten
/// early, and if its request comes again, so is its work done again:
/// [`counts`](Local::counts) tells how often that happened. What is running, or
/// ended nobody knows how, is never forgotten early: then a claim fails with
/// [`Full`](StoreError::Full).
///
/// ```
/// use sluicegate::idempotency::Local;
///
/// let store = Local::builder().capacity(1 << 30).build();
/// assert_eq!(store.counts().bytes, 0);
/// ```
pub struct Local<C = Monotonic> {
    pub(super) shared: Arc<Shared<C>>,
}

pub(super) struct Shared<C> {
    /// A name's is found by its first byte.
    pub(super) shards: [Mutex<Shard>; 16],
    pub(super) room: Room,
    pub(super) clock: C,
}

impl Local {
    /// A store of 64 MiB, on the monotonic clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store of which more is to be said.
    pub fn builder() -> LocalBuilder {
        LocalBuilder::new()
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> Local<C> {
    /// What it holds, and what it had to forget.
    pub fn counts(&self) -> LocalCounts {
        let shards = self.shared.shards.iter();
        LocalCounts {
            records: shards.map(|shard| lock(shard).len()).sum(),
            bytes: self.shared.room.taken(),
            evicted: self.shared.room.evicted(),
        }
    }
}

impl<C: Clock> Store for Local<C> {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let claim = |shard: &mut Shard, now| {
            shard.look_at(name, now);
            shard.change(name, now, |state| state::claim(state, now, &request))
        };
        self.shared
            .change(name, |shard| shard.need_to_claim(name), claim)
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let renew = |shard: &mut Shard, now| {
            shard.change(name, now, |state| state::renew(state, now, token, lease))
        };
        self.shared.change(name, |_| 0, renew)
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        // It may be a part of something larger, which would be kept as well.
        let record = Bytes::copy_from_slice(&record);
        let length = record.len();
        let complete = |shard: &mut Shard, now| {
            shard.change(name, now, |state| {
                state::complete(state, now, token, record, keep)
            })
        };
        let need = |shard: &Shard| shard.need_to_complete(name, token, length);
        self.shared.change(name, need, complete)
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let record = Bytes::copy_from_slice(&record);
        let length = record.len();
        let restore = |shard: &mut Shard, now| {
            shard.change(name, now, |state| {
                state::restore(state, now, (fingerprint, token), record, keep)
            })
        };
        let need = |shard: &Shard| shard.need_to_restore(name, token, length);
        self.shared.change(name, need, restore)
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        let release = |shard: &mut Shard, now| {
            let held = shard.change(name, now, |state| state::release(state, now, token));
            if held == LeaseStatus::Held {
                shard.let_go(name);
            }
            held
        };
        self.shared.change(name, |_| 0, release)
    }

    fn pin(&self, name: Name, token: Token, lease: Duration) -> bool {
        self.shared.shard(name).pin(name, token, lease)
    }

    fn unpin(&self, name: Name, token: Token) {
        let now = self.shared.clock.now();
        self.shared.shard(name).unpin(name, token, now);
    }

    async fn settled(&self, name: Name) {
        let bell;
        let rung = {
            let mut shard = self.shared.shard(name);
            let now = self.shared.clock.now();
            shard.look_at(name, now);
            bell = shard.bell(name, now);
            // Under the lock, for what is rung before it is not heard.
            bell.as_ref().map(|bell| bell.notified())
        };
        if let Some(rung) = rung {
            rung.await;
        }
    }
}

impl<C: Clock> Shared<C> {
    fn shard(&self, name: Name) -> MutexGuard<'_, Shard> {
        let [first, ..] = *name.as_bytes();
        lock(&self.shards[usize::from(first) % self.shards.len()])
    }

    /// Changes a shard when there is room for what that needs at most.
    fn change<T>(
        &self,
        name: Name,
        need: impl Fn(&Shard) -> usize,
        change: impl FnOnce(&mut Shard, Tick) -> T,
    ) -> Result<T, StoreError> {
        loop {
            let now = self.clock.now();
            let mut shard = self.shard(name);
            self.room.give(shard.forget_the_old(now));
            let need = need(&shard);
            if self.room.take(need) {
                let before = shard.bytes();
                let answer = change(&mut shard, now);
                self.room.give(before + need - shard.bytes());
                return Ok(answer);
            }
            drop(shard);
            self.make_room(need, now)?;
        }
    }

    /// Forgets the completed record that expires next, if enough could be
    /// forgotten.
    fn make_room(&self, need: usize, now: Tick) -> Result<(), StoreError> {
        let mut possible = 0;
        let mut next: Option<(Tick, &Mutex<Shard>)> = None;
        for mutex in &self.shards {
            let mut shard = lock(mutex);
            self.room.give(shard.forget_the_old(now));
            possible += shard.completed_bytes();
            let ends = shard.first_to_end().map(|tick| (tick, mutex));
            next = next.into_iter().chain(ends).min_by_key(|(tick, _)| *tick);
        }
        if !self.room.could_take(need, possible) {
            return Err(StoreError::Full);
        }
        if let Some((_, mutex)) = next {
            self.room.evict(lock(mutex).forget_first_to_end());
        }
        Ok(())
    }
}

impl<C> Clone for Local<C> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<C: Clock> fmt::Debug for Local<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("capacity", &self.shared.room.capacity())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
