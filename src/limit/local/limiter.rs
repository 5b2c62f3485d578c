//! The limiter in this process: its users' methods, handed on to what its
//! clones share.

use std::{convert::Infallible, fmt, hash::Hash, sync::Arc};

use super::{builder::LocalBuilder, shared::Shared, state::State, store::Store, wait::UntilReady};
use crate::{
    clock::{Clock, Monotonic},
    limit::{
        decision::Decision,
        limiter::{Backend, Check, Limiter, Wait},
        reservation::Reservation,
        rules::{quota::Cost, rule::Rule},
    },
};

/// A limiter whose state is in this process: a [`Rule`], a clock, and a bucket
/// or a table of buckets.
///
/// It is a handle. Clones share their state, so a limit of 5 is 5 for all
/// routes, connections and tasks that hold one.
///
/// # With and without keys
///
/// [`Local::keyed`] has a bucket for each key. A key is anything that
/// implements [`Hash`], and two keys are the same if they hash the same: ask
/// with a `&str` or a `String`, with an address, with a tuple. Only the 64-bit
/// hash is kept, seeded anew in each process.
///
/// ```
/// use sluicegate::limit::{Local, Quota, TokenBucket};
///
/// let limiter = Local::keyed(TokenBucket::new(Quota::per_minute(100)));
/// assert!(limiter.check("alice", 100).is_admitted());
/// assert!(limiter.check(&String::from("alice"), 1).is_denied());
/// assert!(limiter.check("bob", 1).is_admitted());
/// ```
///
/// [`Local::direct`] has one bucket:
///
/// ```
/// use sluicegate::limit::{LeakyBucket, Local, Quota};
///
/// let limiter = Local::direct(LeakyBucket::meter(Quota::per_second(5)));
/// assert_eq!(limiter.check(2).remaining(), 3);
/// ```
///
/// # Memory
///
/// A limiter with keys has room for a fixed number of them, its capacity,
/// 100,000 unless [set](LocalBuilder::capacity). Each takes 23.4 bytes,
/// whatever the keys are, from the start and for good; a
/// [`SlidingLog`](crate::limit::SlidingLog) takes as much as it logs, for no more
/// buckets than the capacity. Buckets that are whole again make room by
/// themselves. Only when more keys than the capacity are alive at once is one
/// forgotten early: of the buckets whose place the new key can take, the one
/// nearest to being whole. Its key begins with a whole bucket if it comes back.
/// [`forgotten`](Local::forgotten) counts them: above 0, the capacity is too
/// small, or a client invents keys.
///
/// # Waiting
///
/// [`until_ready`](Local::until_ready) sleeps until there is room, first come,
/// first served, on tokio's timer, whose resolution is a millisecond. Places
/// are instants, so lateness does not add up.
pub struct Local<R: Rule, S: Keying<R> = Keyed, C = Monotonic> {
    pub(super) shared: Arc<Shared<R, S::Store, C>>,
}

/// A bucket for each key; see [`Local`].
#[derive(Clone, Copy, Debug)]
pub struct Keyed;

/// One bucket; see [`Local`].
#[derive(Clone, Copy, Debug)]
pub struct Direct;

/// Whether a limiter has keys: [`Keyed`] or [`Direct`]. It chooses the store,
/// so that a limiter without keys pays for no table.
pub trait Keying<R: Rule>: sealed::Sealed {
    /// Where buckets are kept.
    type Store: Store<R::State>;
}

impl<R: Rule> Keying<R> for Keyed {
    type Store = <R::State as State>::Keyed;
}

impl<R: Rule> Keying<R> for Direct {
    type Store = <R::State as State>::Direct;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Keyed {}
    impl Sealed for super::Direct {}
}

impl<R: Rule> Local<R> {
    /// A limiter with a bucket for each key, on the monotonic clock.
    pub fn keyed(rule: R) -> Self {
        Local::builder(rule).keyed()
    }
}

impl<R: Rule> Local<R, Direct> {
    /// A limiter with one bucket, on the monotonic clock.
    pub fn direct(rule: R) -> Self {
        Local::builder(rule).direct()
    }
}

impl<R: Rule> Local<R> {
    /// Starts a limiter with more settings than its rule.
    pub fn builder(rule: R) -> LocalBuilder<R> {
        LocalBuilder::new(rule)
    }
}

impl<R: Rule, C: Clock> Local<R, Keyed, C> {
    /// Takes `cost` from the budget of `key` if it is there.
    ///
    /// Never sleeps: with a [`LeakyBucket`](crate::limit::LeakyBucket) the
    /// verdict may be [`Queue`](crate::limit::Verdict::Queue), and then the
    /// caller has to sleep. A cost of 0 takes nothing.
    // Inlined, so that a caller that reads only the verdict makes no numbers.
    #[inline(always)]
    pub fn check<K: Hash + ?Sized>(&self, key: &K, cost: Cost) -> Decision {
        self.shared.check(self.shared.hash(key), cost)
    }

    /// Returns the decision about a cost of 0, which tells what is left for
    /// `key`. Takes nothing.
    pub fn peek<K: Hash + ?Sized>(&self, key: &K) -> Decision {
        self.shared.check(self.shared.hash(key), 0)
    }

    /// Takes as much as there is for `key`, up to `cost`, and returns how much
    /// that was. If there is nothing, the decision is the denial of a cost of
    /// 1.
    ///
    /// ```
    /// use sluicegate::limit::{Local, Quota, TokenBucket};
    ///
    /// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(10)));
    /// let (taken, _) = limiter.check_up_to("alice", 25);
    /// assert_eq!(taken, 10);
    /// ```
    pub fn check_up_to<K: Hash + ?Sized>(&self, key: &K, cost: Cost) -> (Cost, Decision) {
        self.shared.check_up_to(self.shared.hash(key), cost)
    }

    /// Gives `cost` back to `key`, if its work was not done after all. Never
    /// leaves more than a whole bucket.
    ///
    /// To reach the bucket that a layer charged, use what the layer's
    /// [`Key`](crate::key::Key) reads from the request: the address of a client is
    /// another key than its text.
    pub fn credit<K: Hash + ?Sized>(&self, key: &K, cost: Cost) {
        self.shared.credit(self.shared.hash(key), cost);
    }

    /// Takes `cost` from `key` without asking, because the cost of some work is
    /// known only when it is done. The bucket may go into debt, and remembers
    /// as much of it as [`Rule::max_debit`] tells: see
    /// [debt](crate::limit::Quota#debt).
    ///
    /// ```
    /// use sluicegate::limit::{Local, Quota, TokenBucket};
    ///
    /// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(10)));
    /// limiter.debit("alice", 15);
    /// let denied = limiter.check("alice", 1);
    /// assert!(denied.is_denied() && denied.retry_after() > Some(std::time::Duration::from_millis(500)));
    /// ```
    pub fn debit<K: Hash + ?Sized>(&self, key: &K, cost: Cost) {
        self.shared.debit(self.shared.hash(key), cost);
    }

    /// Makes the bucket of `key` whole. Callers that already wait for it pass
    /// at the instants that they have booked.
    pub fn reset<K: Hash + ?Sized>(&self, key: &K) {
        self.shared.reset(self.shared.hash(key));
    }

    /// Takes `cost` from the budget of `key`, as soon as it is there.
    ///
    /// This call books the place in the queue, before the future is polled, and
    /// the future gives it back if it is dropped early. A caller is denied at
    /// once if it would have to wait longer than `wait` allows, or if it finds
    /// the queue full.
    ///
    /// # Panics
    ///
    /// If the future has to wait and is polled outside of a tokio runtime with
    /// a timer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use sluicegate::{clock, limit::{Local, Wait, Quota, TokenBucket}};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(10).burst(1));
    /// let limiter = Local::builder(rule).clock(clock::Tokio::new()).keyed();
    /// let wait = Wait::up_to(Duration::from_secs(1));
    /// for _ in 0..5 {
    ///     assert!(limiter.until_ready("mail", 1, wait).await.is_admitted());
    /// }
    /// # }
    /// ```
    pub fn until_ready<K: Hash + ?Sized>(&self, key: &K, cost: Cost, wait: Wait) -> UntilReady {
        UntilReady::of(Shared::until_ready(
            &self.shared,
            self.shared.hash(key),
            cost,
            wait,
        ))
    }
}

/// For the policy of a limiter in Redis, which keeps hashes of keys.
#[cfg(feature = "redis")]
impl<R: Rule, C: Clock> Local<R, Keyed, C> {
    /// Returns the hash by which the store knows a key.
    pub(crate) fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.shared.hash(key)
    }
}

impl<R: Rule, C: Clock> Local<R, Direct, C> {
    /// Takes `cost` if it is there; see [`check`](Local::check) with a key.
    // Inlined, so that a caller that reads only the verdict makes no numbers.
    #[inline(always)]
    pub fn check(&self, cost: Cost) -> Decision {
        self.shared.check(0, cost)
    }

    /// Returns the decision about a cost of 0, which tells what is left. Takes
    /// nothing.
    pub fn peek(&self) -> Decision {
        self.shared.check(0, 0)
    }

    /// Takes as much as there is, up to `cost`, and returns how much that was.
    pub fn check_up_to(&self, cost: Cost) -> (Cost, Decision) {
        self.shared.check_up_to(0, cost)
    }

    /// Gives `cost` back. Never leaves more than a whole bucket.
    pub fn credit(&self, cost: Cost) {
        self.shared.credit(0, cost);
    }

    /// Takes `cost` without asking. The bucket may go into debt, and remembers
    /// as much of it as [`Rule::max_debit`] tells: see
    /// [debt](crate::limit::Quota#debt).
    pub fn debit(&self, cost: Cost) {
        self.shared.debit(0, cost);
    }

    /// Makes the bucket whole. Callers that already wait pass at the instants
    /// that they have booked.
    pub fn reset(&self) {
        self.shared.reset(0);
    }

    /// Takes `cost` as soon as it is there; see
    /// [`until_ready`](Local::until_ready) with a key.
    pub fn until_ready(&self, cost: Cost, wait: Wait) -> UntilReady {
        UntilReady::of(Shared::until_ready(&self.shared, 0, cost, wait))
    }
}

impl<R: Rule, S: Keying<R>, C> Local<R, S, C> {
    /// Returns how many buckets were forgotten alive, because there was no room
    /// for another key; see [memory](Self#memory).
    pub fn forgotten(&self) -> u64 {
        self.shared.store.forgotten()
    }

    /// Returns the rule.
    pub fn rule(&self) -> &R {
        &self.shared.rule
    }
}

impl<R: Rule, S: Keying<R>, C: Clock> Backend for Local<R, S, C> {
    type Error = Infallible;
    type Future = Reservation;

    fn label(&self) -> Arc<str> {
        self.shared.name.clone()
    }

    #[inline]
    fn only_name(&self) -> Option<&str> {
        Some(&self.shared.name)
    }

    #[inline]
    fn queues(&self) -> bool {
        self.shared.rule.queues()
    }
}

impl<R: Rule, C: Clock, K: Hash + ?Sized> Limiter<K> for Local<R, Keyed, C> {
    fn name(&self, _key: &K) -> Arc<str> {
        self.shared.name.clone()
    }

    #[inline(always)]
    fn check(&self, key: &K, cost: Cost) -> Check<Reservation> {
        Check::Now(self.shared.check(self.shared.hash(key), cost))
    }

    #[inline(always)]
    fn until_ready(&self, key: &K, cost: Cost, wait: Wait) -> Check<Reservation> {
        Shared::until_ready(&self.shared, self.shared.hash(key), cost, wait)
    }
}

/// Without keys there is one budget, so only requests without keys may ask:
/// [`Global`](crate::key::Global).
impl<R: Rule, C: Clock> Limiter<()> for Local<R, Direct, C> {
    fn name(&self, _key: &()) -> Arc<str> {
        self.shared.name.clone()
    }

    #[inline(always)]
    fn check(&self, _key: &(), cost: Cost) -> Check<Reservation> {
        Check::Now(self.shared.check(0, cost))
    }

    #[inline(always)]
    fn until_ready(&self, _key: &(), cost: Cost, wait: Wait) -> Check<Reservation> {
        Shared::until_ready(&self.shared, 0, cost, wait)
    }
}

impl<R: Rule, S: Keying<R>, C> Clone for Local<R, S, C> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<R: Rule, S: Keying<R>, C: fmt::Debug> fmt::Debug for Local<R, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared {
            rule, clock, name, ..
        } = &*self.shared;
        f.debug_struct("Local")
            .field("name", name)
            .field("rule", rule)
            .field("clock", clock)
            .finish_non_exhaustive()
    }
}
