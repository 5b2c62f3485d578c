//! The public handle of the store in this process.
//!
//! Each call locks one shard for a few map operations, and never awaits under
//! the lock.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    builder::LocalBuilder,
    capacity::Capacity,
    shard::{Shard, short},
};
use crate::{
    clock::{Clock, Monotonic, Tick},
    idempotency::{
        claim::{Claim, ClaimRequest, LeaseStatus},
        fingerprint::Fingerprint,
        scope::Name,
        state::State,
        store::{Store, StoreCounts, StoreError},
        token::Token,
    },
    sync::{Mutex, MutexGuard, lock},
};

/// Records in this process: for a single instance, or if a client always
/// reaches the same one. They are lost when the process ends.
///
/// It is a handle, and clones are one store.
///
/// # Leases
///
/// A holder is in this process. Its lease does not lapse while its
/// [`Guard`](crate::idempotency::Guard) is alive, however long a handler blocks
/// the runtime, and it needs no renewal. When a guard is dropped without an
/// outcome, by a panic for example, its lease lapses a full lease later. A
/// claim through [`Store`] alone has a lease that lapses by time.
///
/// # Memory
///
/// All records together take at most 64 MiB, unless another
/// [capacity](LocalBuilder::capacity) is set. Each counts with its own bytes
/// and 256 more, which is slightly above what it takes. Expired records are
/// removed as others come.
///
/// When no room is left, the completed record that expires next is evicted. If
/// its request comes again, the work is done again; [`counts`](Local::counts)
/// shows how many were evicted. Work that runs, or whose outcome is unknown, is
/// never evicted: a claim fails with [`Full`](StoreError::Full) then.
///
/// ```
/// use sluicegate::idempotency::Local;
///
/// let store = Local::builder().capacity(1 << 30).build();
/// assert_eq!(store.counts().bytes, 0);
/// ```
pub struct Local<C = Monotonic> {
    /// Shared by all clones.
    pub(super) shared: Arc<LocalState<C>>,
}

/// Shared by the clones of a store.
///
/// More shards than cores rarely help, and each costs an empty map.
pub(super) struct LocalState<C> {
    /// The first byte of a name selects its shard.
    pub(super) shards: [Mutex<Shard>; 16],
    /// The bytes that all shards may take together.
    pub(super) capacity: Capacity,
    /// Read once in each call.
    pub(super) clock: C,
}

impl Local {
    /// Creates a store of 64 MiB, on the monotonic clock.
    ///
    /// ```
    /// use sluicegate::idempotency::{Local, Runner};
    ///
    /// let runner = Runner::new(Local::new());
    /// ```
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a store with other settings.
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
    /// Returns what the store holds, and how many records it had to evict.
    ///
    /// ```
    /// use sluicegate::idempotency::Local;
    ///
    /// let counts = Local::new().counts();
    /// assert_eq!((counts.records, counts.evicted), (0, 0));
    /// ```
    pub fn counts(&self) -> StoreCounts {
        let shards = self.shared.shards.iter();
        StoreCounts {
            records: shards.map(|shard| lock(shard).len() as u64).sum(),
            bytes: self.shared.capacity.taken() as u64,
            evicted: self.shared.capacity.evicted(),
        }
    }
}

impl<C: Clock> Store for Local<C> {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let need = |shard: &Shard| shard.need_to_claim(name);
        self.shared.with_room(name, need, |shard, now| {
            shard.renew_pinned(short(name), now);
            shard.change(name, now, |state| State::claim(state, now, &request))
        })
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.shared.with_room(
            name,
            |_| 0,
            |shard, now| shard.change(name, now, |state| State::renew(state, now, token, lease)),
        )
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let record = copied(&record);
        let length = record.len();
        let need = |shard: &Shard| shard.need_to_complete(name, token, length);
        self.shared.with_room(name, need, |shard, now| {
            let complete = |state: &mut _| State::complete(state, now, token, record, keep);
            shard.change(name, now, complete)
        })
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let record = copied(&record);
        let (length, by) = (record.len(), (fingerprint, token));
        let need = |shard: &Shard| shard.need_to_restore(name, token, length);
        self.shared.with_room(name, need, |shard, now| {
            let restore = |state: &mut _| State::restore(state, now, by, record, keep);
            shard.change(name, now, restore)
        })
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        let release = |shard: &mut Shard, now| {
            let status = shard.change(name, now, |state| State::release(state, now, token));
            if status == LeaseStatus::Held {
                shard.drop_pin(name);
            }
            status
        };
        self.shared.with_room(name, |_| 0, release)
    }

    fn pin(&self, name: Name, token: Token, lease: Duration) -> bool {
        self.shared.shard(name).pin(name, token, lease)
    }

    fn unpin(&self, name: Name, token: Token) {
        let now = self.shared.clock.now();
        self.shared.shard(name).unpin(name, token, now);
    }

    async fn settled(&self, name: Name) {
        let waiters = Arc::clone(&self.shared.shard(name).waiters);
        let waiter = waiters.register(short(name));
        let notified = waiter.notified();
        // The lock is not held while the caller waits.
        let is_running = {
            let mut shard = self.shared.shard(name);
            let now = self.shared.clock.now();
            shard.renew_pinned(short(name), now);
            shard.is_running(name, now)
        };
        if is_running {
            notified.await;
        }
    }
}

/// Copies a record, which may be a slice of a larger buffer that would stay in
/// memory with it.
fn copied(record: &Bytes) -> Bytes {
    Bytes::copy_from_slice(record)
}

impl<C: Clock> LocalState<C> {
    /// Locks the shard of a name.
    pub(super) fn shard(&self, name: Name) -> MutexGuard<'_, Shard> {
        let [first, ..] = *name.as_bytes();
        lock(&self.shards[usize::from(first) % self.shards.len()])
    }

    /// Changes a shard once there is room for `need` bytes, the most that the
    /// change can add.
    ///
    /// The bytes are taken before the change, so that changes of other shards
    /// at the same time cannot exceed the capacity.
    fn with_room<T>(
        &self,
        name: Name,
        need: impl Fn(&Shard) -> usize,
        change: impl FnOnce(&mut Shard, Tick) -> T,
    ) -> Result<T, StoreError> {
        loop {
            let now = self.clock.now();
            let mut shard = self.shard(name);
            self.capacity.give(shard.remove_expired(now));
            let need = need(&shard);
            // Taken under the shard's lock, so that the need cannot change.
            if self.capacity.take(need) {
                let before = shard.bytes;
                let answer = change(&mut shard, now);
                self.capacity.give(before + need - shard.bytes);
                return Ok(answer);
            }
            // `make_room` locks the shards one after the other.
            drop(shard);
            self.make_room(need, now)?;
        }
    }

    /// Evicts the completed record that expires next, if eviction can free
    /// enough.
    ///
    /// It locks one shard at a time, so the totals may be a little old. The
    /// caller tries again if they were.
    fn make_room(&self, need: usize, now: Tick) -> Result<(), StoreError> {
        let mut evictable = 0;
        let mut next: Option<(Tick, &Mutex<Shard>)> = None;
        // One lock at a time: two changes at once could wait for each other.
        for mutex in &self.shards {
            let mut shard = lock(mutex);
            self.capacity.give(shard.remove_expired(now));
            evictable += shard.completed_bytes;
            let expiry = shard.next_expiry().map(|tick| (tick, mutex));
            next = next.into_iter().chain(expiry).min_by_key(|(tick, _)| *tick);
        }
        if !self.capacity.could_take(need, evictable) {
            return Err(StoreError::Full);
        }
        if let Some((_, mutex)) = next {
            self.capacity.evict(lock(mutex).evict_next());
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
            .field("capacity", &self.shared.capacity.bytes())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
