//! The limiter in this process.

use std::{hash::Hash, sync::Arc};

use super::{builder::LocalBuilder, keys::Keys, permits::Permits};
use crate::{
    concurrency::{
        adaptive::{Adaptive, Algorithm, Estimate},
        ask::Ask,
        gate::{Entry, Gate, Load, Usage},
        priority::Rank,
    },
    limit::{Direct, Keyed},
};

/// The limit that an adaptive limiter begins with.
const INITIAL_LIMIT: u32 = 20;

/// A limit of concurrency in this process.
///
/// It is a handle. Clones share the limit, so a limit of 100 is 100 for all
/// routes, connections and tasks that hold one.
///
/// A [`Permit`](crate::concurrency::Permit) that is free is taken without a
/// lock and without an allocation.
///
/// # With and without keys
///
/// [`Local::new`] has one limit, [`Local::keyed`] one for each key. A key is
/// anything that implements [`Hash`], and two keys are the same if they hash the
/// same. Only the 64-bit hash is kept, seeded anew in each process, and only
/// while the key has permits in flight or requests in the queue. So memory is
/// bounded by what is in flight, whatever keys clients make up.
///
/// ```
/// use sluicegate::concurrency::{Ask, Entry, Local};
///
/// let permits = Local::keyed(1);
/// let ann = permits.acquire("ann", Ask::new());
/// assert!(matches!(permits.acquire("ann", Ask::new()), Entry::Refused(_)));
/// assert!(matches!(permits.acquire("bob", Ask::new()), Entry::Admitted(_)));
/// # drop(ann);
/// ```
pub struct Local<S: Keying = Direct> {
    pub(super) name: Arc<str>,
    pub(super) gates: S::Gates,
}

/// Whether a limit has keys: [`Keyed`] or [`Direct`].
pub trait Keying: sealed::Sealed {
    /// The gate, or those of all keys.
    #[doc(hidden)]
    type Gates: Clone;
}

impl Keying for Direct {
    type Gates = OneGate;
}

impl Keying for Keyed {
    type Gates = GateOfEachKey;
}

/// The only gate of a limiter without keys.
#[derive(Clone, Debug)]
pub struct OneGate(pub(super) Arc<Gate>);

/// The gates of the keys of a limiter.
#[derive(Clone, Debug)]
pub struct GateOfEachKey(pub(super) Arc<Keys>);

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Direct {}
    impl Sealed for super::Keyed {}
}

impl Local<Direct> {
    /// Serves at most this many at a time, without a queue.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn new(limit: u32) -> Self {
        Local::builder(limit).build()
    }

    /// Serves as many at a time as [`Adaptive`] finds to be right, 20 to begin
    /// with, without a queue.
    ///
    /// ```
    /// use sluicegate::concurrency::{Adaptive, Local};
    ///
    /// let permits = Local::adaptive(Adaptive::gradient().min(5).max(200));
    /// assert_eq!(permits.load().limit, 20);
    /// ```
    pub fn adaptive<A: Algorithm>(adaptive: Adaptive<A>) -> Self {
        Local::builder(INITIAL_LIMIT).build_adaptive(adaptive)
    }

    /// Returns the durations by which the limit was found; `None` if it does not
    /// move by itself.
    pub fn estimate(&self) -> Option<Estimate> {
        self.gates.0.estimate()
    }

    /// Asks for a permit: it is given at once, or the request waits in the
    /// queue, or it is refused.
    #[inline]
    pub fn acquire(&self, ask: Ask) -> Entry {
        self.gates.0.enter(ask)
    }

    /// Moves the limit, also that of an adaptive limit, which goes on from there.
    /// Waiting requests pass if it grows. If it shrinks,
    /// permits in flight stay valid, and no request passes until fewer than the
    /// limit are in flight.
    ///
    /// ```
    /// use sluicegate::concurrency::{Ask, Entry, Local};
    ///
    /// let permits = Local::new(2);
    /// let (_first, _second) = (permits.acquire(Ask::new()), permits.acquire(Ask::new()));
    /// permits.set_limit(1);
    /// assert_eq!(permits.load().in_flight, 2);
    /// assert!(matches!(permits.acquire(Ask::new()), Entry::Refused(_)));
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn set_limit(&self, limit: u32) {
        self.gates.0.set_limit(super::builder::valid_limit(limit));
    }

    /// Sets the lowest rank that gets a permit. Waiting requests below it are
    /// refused.
    ///
    /// ```
    /// use sluicegate::{
    ///     concurrency::{Ask, Entry, Local, Rank},
    ///     criticality::Criticality,
    /// };
    ///
    /// let permits = Local::new(100);
    /// permits.set_cut_off(Rank::new(Criticality::Critical, 0));
    /// let prefetch = Ask::new().rank(Rank::new(Criticality::Sheddable, 0));
    /// assert!(matches!(permits.acquire(prefetch), Entry::Refused(_)));
    /// ```
    pub fn set_cut_off(&self, cut_off: Rank) {
        self.gates.0.set_cut_off(cut_off);
    }

    /// Returns the limit and the permits in flight now, without a lock.
    pub fn load(&self) -> Load {
        self.gates.0.load()
    }

    /// Returns what is in use now.
    pub fn usage(&self) -> Usage {
        self.gates.0.usage()
    }
}

impl Local<Keyed> {
    /// Serves at most this many at a time for each key, without a queue.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn keyed(limit: u32) -> Self {
        Local::builder(limit).build_keyed()
    }

    /// Asks for a permit of this key: it is given at once, or the request waits
    /// in the queue of the key, or it is refused.
    #[inline]
    pub fn acquire<K: Hash + ?Sized>(&self, key: &K, ask: Ask) -> Entry {
        self.gates.0.enter(key, ask)
    }

    /// Returns the number of keys that have permits in flight or requests in the
    /// queue. No others take memory.
    pub fn keys_in_use(&self) -> usize {
        self.gates.0.len()
    }

    /// Sets the lowest rank that gets a permit of any key.
    pub fn set_cut_off(&self, cut_off: Rank) {
        self.gates.0.set_cut_off(cut_off);
    }

    /// Returns the limit and the permits in flight of a key.
    pub fn load<K: Hash + ?Sized>(&self, key: &K) -> Load {
        self.gates.0.load(key)
    }

    /// Returns what is in use now, of all keys that have permits in flight.
    pub fn usage(&self) -> Usage {
        self.gates.0.usage()
    }
}

impl Local {
    /// Starts a limiter with more settings than its limit.
    ///
    /// # Panics
    ///
    /// If the limit is 0 or above 2^24 - 1.
    #[track_caller]
    pub fn builder(limit: u32) -> LocalBuilder {
        LocalBuilder::new(limit)
    }
}

impl<S: Keying> Local<S> {
    /// Returns the name of the limit.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Permits<()> for Local<Direct> {
    fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    fn acquire(&self, _key: &(), ask: Ask) -> Entry {
        self.gates.0.enter(ask)
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

impl<K: Hash + ?Sized> Permits<K> for Local<Keyed> {
    fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    fn acquire(&self, key: &K, ask: Ask) -> Entry {
        self.gates.0.enter(key, ask)
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

impl<S: Keying> Clone for Local<S> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            gates: self.gates.clone(),
        }
    }
}

impl<S: Keying> std::fmt::Debug for Local<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
