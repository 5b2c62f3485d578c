//! The limiter of a fleet.

use std::{fmt, hash::Hash, marker::PhantomData, sync::Arc};

use super::{
    builder::RedisBuilder, counts::RedisCounts, enter::enter, fleet::leave, keys::LeasedKeys,
    leased_limit::LeasedLimit, shared::LeaseContext,
};
use crate::{
    concurrency::{
        ask::Ask,
        gate::{Entry, Load, Usage},
        local::Permits,
        priority::Rank,
        watch::{LimitReading, Watch, sealed::Sealed},
    },
    key::StoreKey,
    limit::{Direct, Keyed},
    redis::Connection,
    runtime::background,
};

/// A limit of concurrency that a fleet shares in Redis: at most this many
/// requests at a time in all instances together, for example as many as a
/// database has connections.
///
/// It is a handle. Clones share the permits of this instance.
///
/// ```no_run
/// # #[derive(Clone)] struct Handler;
/// # async fn example() -> Result<(), sluicegate::redis::Error> {
/// use std::time::Duration;
/// use sluicegate::{
///     concurrency::{Ask, ConcurrencyLayer, Queue, Redis},
///     redis::Connection,
/// };
///
/// let connection = Connection::connect("redis://localhost").await?;
/// let permits = Redis::builder("db", 500, &connection)
///     .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
///     .instance("pod-7")
///     .build();
///
/// // Around a service; a request holds its permit until its response body ends.
/// let layer = ConcurrencyLayer::new(permits.clone());
///
/// // Or around any work.
/// if let Ok(permit) = permits.acquire(Ask::new()).await {
///     // Query the database.
///     drop(permit);
/// }
/// # let _ = layer;
/// # Ok(()) }
/// ```
///
/// # Leases
///
/// An instance leases permits from Redis for 2 s ([`lease`](RedisBuilder::lease))
/// and admits requests by them without a call. It asks for as many as its
/// requests need. When that was too few, the next batch is twice as large, so
/// a hot key costs a few calls a second, however many requests it has. Permits
/// that lie idle for half a second go back. A request that finds no permit
/// here waits for the reply of Redis, and then for its turn in the
/// [queue](RedisBuilder::queue), if there is one.
///
/// One Lua script decides by the clock of the server, and no call makes more
/// permits be out than the limit. A lease ends here a tenth before it ends at
/// the server, by a monotonic clock that was read before the call was sent. It
/// is renewed after a third, so two renewals may fail. A lease that has ended
/// is not renewed but granted anew, if there is room.
///
/// A call says how many permits an instance wants, not how many more. So a lost
/// reply leaks nothing, and a call that arrives twice or late changes nothing.
///
/// If instances lack permits, those that have more than their equal share give
/// some up: they admit no requests beyond it, and return each permit when its
/// request has ended. If there are more such instances than permits, they take
/// turns.
///
/// # When something fails
///
/// | event | permits out at the server | what else |
/// |---|---|---|
/// | an instance crashes | its permits come back when its lease ends | |
/// | an instance stands still or is stopped | as if it had crashed | its requests outlive their lease; it admits no others by the old one |
/// | Redis does not answer an instance | as if it had crashed | the instance uses its lease, and then what [`OnOutage`](crate::concurrency::OnOutage) says |
/// | Redis is restarted with its data | nothing changes | |
/// | Redis is restarted without its data | holders get their permits back by renewing; no others are leased until all old leases have ended | needs the right to `INFO` and `LASTSAVE`; an instance that has not met the server before is not held back |
/// | a replica takes over | leases that it had not received are unknown until they are renewed, for up to a third of a lease | meanwhile their permits may be leased twice |
/// | the key is evicted or deleted | as with a replica | a warning is logged if the server's policy may evict |
/// | the server's clock steps ahead | leases end early by that much | meanwhile their permits may be leased twice |
/// | the server's clock steps back | leases end within their length from the next call on | |
/// | the limit becomes lower in a rolling deploy | the lowest limit of any instance that called within a lease is in force; permits in use stay out until they are given back | |
/// | the limit becomes higher | the old one is in force until the last instance that has it has not called for a lease | |
///
/// A request that still runs when its lease ends is counted
/// ([`RedisCounts::outlived`]), logged, and told to an
/// [observer](RedisBuilder::observe). Its permit may be given to another
/// instance meanwhile, so cancel the work if that must not be, for example by a
/// [deadline](crate::deadline).
///
/// # Keys
///
/// [`Redis::keyed`] has one limit for each key. Several keys share a call,
/// except in a cluster. An instance keeps up to 65,536 keys at a time, for as
/// long as they have permits and half a second more, and refuses others.
///
/// # Who holds permits
///
/// `redis-cli hgetall 'sluicegate:{db}:permits'` lists, by the ids of
/// instances, the permits that each has, when its lease ends (microseconds since
/// 1970), how long the lease was (microseconds), the number of its last call,
/// how many permits it wants, and since when it has some. The field `sum` begins
/// with the permits that are out, those that are wanted, and the number of
/// instances. `redis-cli zrange 'sluicegate:{db}:instances' 0 -1` lists all
/// instances of the last 15 seconds, also those without permits. With keys, the
/// first name is `sluicegate:{tenant:<key>}:permits`. To read is safe at any
/// time. To delete the key of the permits leases them anew, although requests
/// still use them.
///
/// # Rights
///
/// Besides what [limits need](crate::redis#rights), the user needs `EXISTS`,
/// `HDEL`, `HGET`, `HGETALL`, `HMGET`, `HSET`, `ZADD`, `ZCARD`, `ZREM` and
/// `ZREMRANGEBYSCORE`.
pub struct Redis<S = Direct> {
    instance: Arc<Instance>,
    keying: PhantomData<S>,
}

/// This instance of the limiter.
pub(super) struct Instance {
    pub(super) name: Arc<str>,
    pub(super) shared: Arc<LeaseContext>,
    pub(super) limits: LeasedLimits,
}

/// One limit, or one for each key.
pub(super) enum LeasedLimits {
    One(Arc<LeasedLimit>),
    OfKeys(Arc<LeasedKeys>),
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
            LeasedLimits::One(limit) => enter(limit, ask),
            LeasedLimits::OfKeys(_) => unreachable!("a direct limiter has no keys"),
        }
    }

    /// Returns the permits that are leased to this instance, and those in
    /// flight, without a lock.
    pub fn load(&self) -> Load {
        match &self.instance.limits {
            LeasedLimits::One(limit) => limit.gate.load(),
            LeasedLimits::OfKeys(_) => unreachable!("a direct limiter has no keys"),
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
            LeasedLimits::OfKeys(keys) => keys.enter(key, ask),
            LeasedLimits::One(_) => unreachable!("a keyed limiter has a limit for each key"),
        }
    }

    /// Returns the permits of a key that are leased to this instance, and those
    /// in flight.
    pub fn load<K: Hash + ?Sized>(&self, key: &K) -> Load {
        match &self.instance.limits {
            LeasedLimits::OfKeys(keys) => keys.load(key),
            LeasedLimits::One(_) => unreachable!("a keyed limiter has a limit for each key"),
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
        self.instance.usage()
    }

    /// Sets the lowest rank that gets a permit from this instance. Waiting
    /// requests below it are refused.
    pub fn set_cut_off(&self, cut_off: Rank) {
        match &self.instance.limits {
            LeasedLimits::One(limit) => limit.gate.set_cut_off(cut_off),
            LeasedLimits::OfKeys(keys) => keys.set_cut_off(cut_off),
        }
    }

    /// Returns the number of instances that share the limit, this one included;
    /// 0 if Redis has not told it yet.
    pub fn instances(&self) -> u32 {
        self.instance.shared.instances()
    }

    /// Returns the counts of this instance.
    pub fn counts(&self) -> RedisCounts {
        self.instance.counts()
    }
}

impl<S> Sealed for Redis<S> {}

impl<S> Watch for Redis<S> {
    fn label(&self) -> &str {
        self.name()
    }

    // It does not keep the instance, whose permits go back when the last handle
    // is dropped.
    fn watch(&self) -> impl Fn() -> Option<LimitReading> + Send + Sync + 'static {
        let instance = Arc::downgrade(&self.instance);
        move || Some(instance.upgrade()?.read())
    }
}

impl Instance {
    fn usage(&self) -> Usage {
        match &self.limits {
            LeasedLimits::One(limit) => limit.gate.usage(),
            LeasedLimits::OfKeys(keys) => keys.usage(),
        }
    }

    fn counts(&self) -> RedisCounts {
        self.shared.outbox.counters.snapshot()
    }

    fn read(&self) -> LimitReading {
        LimitReading::of_fleet(self.usage(), self.counts(), self.shared.instances())
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
            LeasedLimits::One(limit) => vec![limit.clone()],
            LeasedLimits::OfKeys(keys) => keys.all(),
        };
        for limit in limits {
            limit.wake.notify_one();
        }
        let shared = self.shared.clone();
        background().spawn(async move { leave(&shared).await });
    }
}
