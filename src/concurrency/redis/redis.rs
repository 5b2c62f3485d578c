//! The limiter of a fleet.

use std::{fmt, hash::Hash, marker::PhantomData, sync::Arc};

use super::{
    builder::RedisBuilder, counts::RedisCounts, enter::enter, fleet::leave, keys::Keys,
    leased_limit::LeasedLimit, shared::Shared,
};
use crate::{
    concurrency::{
        ask::Ask,
        gate::{Entry, Load, Usage},
        local::Permits,
        priority::Rank,
    },
    key::StoreKey,
    limit::{Direct, Keyed},
    redis::Connection,
    runtime::background,
};

/// A limit of concurrency that a fleet shares in Redis; see the [module's
/// documentation](self).
///
/// It is a handle. Clones share the permits of this instance.
pub struct Redis<S = Direct> {
    instance: Arc<Instance>,
    keying: PhantomData<S>,
}

/// This instance of the limiter.
pub(super) struct Instance {
    pub(super) name: Arc<str>,
    pub(super) shared: Arc<Shared>,
    pub(super) limits: Limits,
}

/// One limit, or one for each key.
pub(super) enum Limits {
    One(Arc<LeasedLimit>),
    OfKeys(Arc<Keys>),
}

impl Redis<Direct> {
    /// Lets the whole fleet serve at most this many requests at a time. All
    /// instances use the same name.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn new(name: &str, limit: u32, connection: &Connection) -> Self {
        RedisBuilder::new(name, limit, connection).build()
    }

    /// Asks for a permit: it is given at once, or the request waits for a lease
    /// and in the queue, or it is refused.
    #[inline]
    pub fn acquire(&self, ask: Ask) -> Entry {
        match &self.instance.limits {
            Limits::One(limit) => enter(limit, ask),
            Limits::OfKeys(_) => unreachable!("a direct limiter has no keys"),
        }
    }

    /// Returns the permits that are leased to this instance, and those in
    /// flight, without a lock.
    pub fn load(&self) -> Load {
        match &self.instance.limits {
            Limits::One(limit) => limit.gate.load(),
            Limits::OfKeys(_) => unreachable!("a direct limiter has no keys"),
        }
    }
}

impl Redis<Keyed> {
    /// Lets the whole fleet serve at most this many requests of each key at a
    /// time.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn keyed(name: &str, limit: u32, connection: &Connection) -> Self {
        RedisBuilder::new(name, limit, connection).build_keyed()
    }

    /// Asks for a permit of this key: it is given at once, or the request waits
    /// for a lease and in the queue of the key, or it is refused.
    #[inline]
    pub fn acquire<K: StoreKey + Hash + ?Sized>(&self, key: &K, ask: Ask) -> Entry {
        match &self.instance.limits {
            Limits::OfKeys(keys) => keys.enter(key, ask),
            Limits::One(_) => unreachable!("a keyed limiter has a limit for each key"),
        }
    }

    /// Returns the permits of a key that are leased to this instance, and those
    /// in flight.
    pub fn load<K: Hash + ?Sized>(&self, key: &K) -> Load {
        match &self.instance.limits {
            Limits::OfKeys(keys) => keys.load(key),
            Limits::One(_) => unreachable!("a keyed limiter has a limit for each key"),
        }
    }
}

impl Redis {
    /// Starts a limiter with more settings than its limit.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn builder(name: &str, limit: u32, connection: &Connection) -> RedisBuilder {
        RedisBuilder::new(name, limit, connection)
    }
}

impl<S> Redis<S> {
    pub(super) fn of(instance: Instance) -> Self {
        Self {
            instance: Arc::new(instance),
            keying: PhantomData,
        }
    }

    /// Returns the name of the limit.
    pub fn name(&self) -> &str {
        &self.instance.name
    }

    /// Returns what this instance has in use now. Its limit is the number of
    /// permits that are leased to it; the fleet's is the one that it was built
    /// with.
    pub fn usage(&self) -> Usage {
        match &self.instance.limits {
            Limits::One(limit) => limit.gate.usage(),
            Limits::OfKeys(keys) => keys.usage(),
        }
    }

    /// Sets the lowest rank that gets a permit from this instance. Waiting
    /// requests below it are refused.
    pub fn set_cut_off(&self, cut_off: Rank) {
        match &self.instance.limits {
            Limits::One(limit) => limit.gate.set_cut_off(cut_off),
            Limits::OfKeys(keys) => keys.set_cut_off(cut_off),
        }
    }

    /// Returns the number of instances that share the limit, this one included;
    /// 0 if Redis has not told it yet.
    pub fn instances(&self) -> u32 {
        self.instance.shared.instances()
    }

    /// Returns the counts of this instance.
    pub fn counts(&self) -> RedisCounts {
        self.instance.shared.outbox.counters.snapshot()
    }
}

impl Permits<()> for Redis<Direct> {
    fn name(&self) -> &str {
        self.name()
    }

    #[inline]
    fn acquire(&self, _key: &(), ask: Ask) -> Entry {
        self.acquire(ask)
    }

    fn load(&self, _key: &()) -> Load {
        self.load()
    }

    fn set_cut_off(&self, cut_off: Rank) {
        self.set_cut_off(cut_off);
    }

    fn usage(&self) -> Usage {
        self.usage()
    }
}

impl<K: StoreKey + Hash + ?Sized> Permits<K> for Redis<Keyed> {
    fn name(&self) -> &str {
        self.name()
    }

    #[inline]
    fn acquire(&self, key: &K, ask: Ask) -> Entry {
        self.acquire(key, ask)
    }

    fn load(&self, key: &K) -> Load {
        self.load(key)
    }

    fn set_cut_off(&self, cut_off: Rank) {
        self.set_cut_off(cut_off);
    }

    fn usage(&self) -> Usage {
        self.usage()
    }
}

impl<S> Clone for Redis<S> {
    fn clone(&self) -> Self {
        Self {
            instance: self.instance.clone(),
            keying: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Redis<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.instance.name)
            .finish_non_exhaustive()
    }
}

impl Drop for Instance {
    /// Permits go back when the requests that use them have ended.
    fn drop(&mut self) {
        self.shared.close();
        let limits = match &self.limits {
            Limits::One(limit) => vec![limit.clone()],
            Limits::OfKeys(keys) => keys.all(),
        };
        for limit in limits {
            limit.wake.notify_one();
        }
        let shared = self.shared.clone();
        background().spawn(async move { leave(&shared).await });
    }
}
