//! Limits whose state is in this process.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use ahash::RandomState;
use tokio::time::Instant;

use super::{
    decision::Decision,
    limiter::{Backend, Check, Limiter, Patience},
    line::{Lines, Place},
    observe::Observe,
    quota::Cost,
    rule::{Rule, State, reserve},
    store::{Forgotten, Store},
};
use crate::clock::{Clock, Monotonic, Tick, ticks};

/// How many keys a limiter has room for unless told otherwise.
const CAPACITY: usize = 100_000;

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
/// [`SlidingLog`](super::SlidingLog) takes as much as it logs, for no more
/// buckets than the capacity. Buckets that are whole again make room by
/// themselves. Only when more keys than the capacity are alive at once is one
/// forgotten early, the one nearest to being whole; that key begins with a
/// whole bucket if it comes back. [`forgotten`](Local::forgotten) counts them:
/// above 0, the capacity is too small, or someone is inventing keys.
///
/// # Waiting
///
/// [`until_ready`](Local::until_ready) sleeps until there is room, first come,
/// first served, on tokio's timer, whose resolution is a millisecond. Places
/// are instants, so lateness does not add up.
pub struct Local<R: Rule, S: Shape<R> = Keyed, C = Monotonic> {
    shared: Arc<Shared<R, S::Store, C>>,
}

struct Shared<R, S, C> {
    rule: R,
    clock: C,
    store: S,
    hasher: RandomState,
    name: Arc<str>,
    lines: Mutex<Lines>,
}

/// A bucket for each key; see [`Local`].
#[derive(Clone, Copy, Debug)]
pub struct Keyed;

/// One bucket; see [`Local`].
#[derive(Clone, Copy, Debug)]
pub struct Direct;

/// Whether a limiter has keys: [`Keyed`] or [`Direct`].
pub trait Shape<R: Rule>: sealed::Sealed {
    /// Where buckets are kept.
    #[doc(hidden)]
    type Store: Store<R::State>;
}

impl<R: Rule> Shape<R> for Keyed {
    type Store = <R::State as State>::Many;
}

impl<R: Rule> Shape<R> for Direct {
    type Store = <R::State as State>::One;
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
    /// A limiter of which more is to be said than its rule.
    pub fn builder(rule: R) -> LocalBuilder<R> {
        LocalBuilder {
            rule,
            clock: Monotonic::new(),
            capacity: CAPACITY,
            name: "default".into(),
            observer: None,
        }
    }
}

impl<R: Rule, C: Clock> Local<R, Keyed, C> {
    /// Takes `cost` from the budget of `key` if it is there.
    ///
    /// Never sleeps: a [`LeakyBucket`](super::LeakyBucket) may answer
    /// [`Queue`](super::Verdict::Queue), and then the caller has to. A cost of
    /// 0 takes nothing.
    #[inline]
    pub fn check<K: Hash + ?Sized>(&self, key: &K, cost: Cost) -> Decision {
        self.shared.check(self.shared.hash(key), cost)
    }

    /// What is left for `key`. Takes nothing.
    pub fn peek<K: Hash + ?Sized>(&self, key: &K) -> Decision {
        self.shared.check(self.shared.hash(key), 0)
    }

    /// Takes as much as there is for `key`, up to `cost`; answers how much that
    /// was. When there is nothing, the decision is the denial of a cost of 1.
    pub fn check_up_to<K: Hash + ?Sized>(&self, key: &K, cost: Cost) -> (Cost, Decision) {
        self.shared.check_up_to(self.shared.hash(key), cost)
    }

    /// Gives `cost` back to `key`, for work that was not done after all. Never
    /// leaves more than a whole bucket.
    pub fn credit<K: Hash + ?Sized>(&self, key: &K, cost: Cost) {
        self.shared.credit(self.shared.hash(key), cost);
    }

    /// Takes `cost` from `key` without asking, for work whose cost is known
    /// only when it is done. The bucket may go into debt; windows remember a
    /// debt up to twice their limit.
    pub fn debit<K: Hash + ?Sized>(&self, key: &K, cost: Cost) {
        self.shared.debit(self.shared.hash(key), cost);
    }

    /// Makes the bucket of `key` whole.
    pub fn reset<K: Hash + ?Sized>(&self, key: &K) {
        self.shared.reset(self.shared.hash(key));
    }

    /// Takes `cost` from the budget of `key`, as soon as it is there.
    ///
    /// The place in the line is booked by this call, before the future is
    /// polled, and given back when the future is dropped early. Who would have
    /// to wait longer than `patience` allows is denied at once, as is whoever
    /// finds the line full.
    ///
    /// # Panics
    ///
    /// When the future is polled outside of a tokio runtime with a timer, if
    /// it has to wait.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use sluicegate::{clock, limit::{Local, Patience, Quota, TokenBucket}};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(10).burst(1));
    /// let limiter = Local::builder(rule).clock(clock::Tokio::new()).keyed();
    /// let patience = Patience::up_to(Duration::from_secs(1));
    /// for _ in 0..5 {
    ///     assert!(limiter.until_ready("mail", 1, patience).await.is_admitted());
    /// }
    /// # }
    /// ```
    pub fn until_ready<K: Hash + ?Sized>(&self, key: &K, cost: Cost, patience: Patience) -> Ready {
        Ready(Shared::until_ready(
            &self.shared,
            self.shared.hash(key),
            cost,
            patience,
        ))
    }
}

impl<R: Rule, C: Clock> Local<R, Direct, C> {
    /// Takes `cost` if it is there; see [`check`](Local::check) with a key.
    #[inline]
    pub fn check(&self, cost: Cost) -> Decision {
        self.shared.check(0, cost)
    }

    /// What is left. Takes nothing.
    pub fn peek(&self) -> Decision {
        self.shared.check(0, 0)
    }

    /// Takes as much as there is, up to `cost`; answers how much that was.
    pub fn check_up_to(&self, cost: Cost) -> (Cost, Decision) {
        self.shared.check_up_to(0, cost)
    }

    /// Gives `cost` back. Never leaves more than a whole bucket.
    pub fn credit(&self, cost: Cost) {
        self.shared.credit(0, cost);
    }

    /// Takes `cost` without asking. The bucket may go into debt.
    pub fn debit(&self, cost: Cost) {
        self.shared.debit(0, cost);
    }

    /// Makes the bucket whole.
    pub fn reset(&self) {
        self.shared.reset(0);
    }

    /// Takes `cost` as soon as it is there; see
    /// [`until_ready`](Local::until_ready) with a key.
    pub fn until_ready(&self, cost: Cost, patience: Patience) -> Ready {
        Ready(Shared::until_ready(&self.shared, 0, cost, patience))
    }
}

impl<R: Rule, S: Shape<R>, C> Local<R, S, C> {
    /// How many buckets were forgotten alive because the table is full.
    pub fn forgotten(&self) -> u64 {
        self.shared.store.forgotten().count()
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.shared.rule
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    #[inline]
    fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Changes a bucket as the rule says, at the present instant.
    #[inline]
    fn update<T>(&self, key: u64, mut change: impl FnMut(&R, &mut R::State, Tick) -> T) -> T {
        let now = self.clock.now();
        self.store
            .update(&self.rule, key, now, |state| change(&self.rule, state, now))
    }

    #[inline]
    fn check(&self, key: u64, cost: Cost) -> Decision {
        self.update(key, |rule, state, now| rule.decide(state, now, cost))
    }

    fn check_up_to(&self, key: u64, cost: Cost) -> (Cost, Decision) {
        self.update(key, |rule, state, now| {
            let left = rule.decide(state, now, 0).remaining().min(cost);
            (left, rule.decide(state, now, left.max(cost.min(1))))
        })
    }

    fn credit(&self, key: u64, cost: Cost) {
        self.update(key, |rule, state, now| rule.credit(state, now, cost));
    }

    fn debit(&self, key: u64, cost: Cost) {
        self.update(key, |rule, state, now| rule.debit(state, now, cost));
    }

    fn reset(&self, key: u64) {
        self.update(key, |_, state, _| *state = R::State::default());
    }

    fn reserve(&self, key: u64, cost: Cost, patience: Tick) -> Decision {
        self.update(key, |rule, state, now| {
            reserve(rule, state, now, cost, patience)
        })
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Most need not wait, so they are asked about before the line is locked.
    #[inline]
    fn until_ready(this: &Arc<Self>, key: u64, cost: Cost, patience: Patience) -> Check<Turn> {
        let max_wait = match patience.max_wait {
            Some(max_wait) => ticks(max_wait),
            None if this.rule.queues() => Tick::MAX,
            None => return Check::Now(this.check(key, cost)),
        };
        let decision = this.reserve(key, cost, 0);
        if decision.is_admitted() || max_wait == 0 {
            return Check::Now(decision);
        }
        Self::stand_in_line(this, key, cost, (max_wait, patience.max_queue))
    }

    fn stand_in_line(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        (max_wait, max_queue): (Tick, usize),
    ) -> Check<Turn> {
        let mut lines = this.lines();
        let full = lines.len(key) >= max_queue;
        let decision = this.reserve(key, cost, if full { 0 } else { max_wait });
        let Some(wait) = decision.wait_ticks() else {
            return Check::Now(decision);
        };
        let due = Instant::now() + std::time::Duration::from_micros(wait);
        let place = lines.join(key, cost, due);
        drop(lines);
        let booking = Booking {
            shared: this.clone(),
            key,
            place,
        };
        Check::Later(Turn(Box::pin(async move {
            booking.place.come_due().await;
            decision
        })))
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A place in the line that is given back when it is dropped.
struct Booking<R: Rule, S: Store<R::State>, C: Clock> {
    shared: Arc<Shared<R, S, C>>,
    key: u64,
    place: Arc<Place>,
}

impl<R: Rule, S: Store<R::State>, C: Clock> Drop for Booking<R, S, C> {
    fn drop(&mut self) {
        // The line stays locked until the bucket has its cost back, or else a
        // newcomer could book behind a place that is no more.
        let mut lines = self.shared.lines();
        let free = lines.leave(self.key, &self.place);
        if free > 0 {
            self.shared.credit(self.key, free);
        }
    }
}

/// Waits for its turn in a [`Local`] limiter.
#[must_use = "futures do nothing unless polled; dropped, its place is given back"]
pub struct Turn(Pin<Box<dyn Future<Output = Decision> + Send>>);

impl Future for Turn {
    type Output = Result<Decision, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

/// What [`Local::until_ready`] answers: a decision, when its turn has come.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled; dropped, its place is given back"]
pub struct Ready(Check<Turn>);

impl Future for Ready {
    type Output = Decision;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Decision> {
        Pin::new(&mut self.0).poll(cx).map(|Ok(decision)| decision)
    }
}

impl<R: Rule, S: Shape<R>, C: Clock> Backend for Local<R, S, C> {
    type Error = Infallible;
    type Future = Turn;
}

impl<R: Rule, C: Clock, K: Hash + ?Sized> Limiter<K> for Local<R, Keyed, C> {
    fn name(&self, _key: &K) -> &Arc<str> {
        &self.shared.name
    }

    #[inline]
    fn check(&self, key: &K, cost: Cost) -> Check<Turn> {
        Check::Now(self.shared.check(self.shared.hash(key), cost))
    }

    #[inline]
    fn until_ready(&self, key: &K, cost: Cost, patience: Patience) -> Check<Turn> {
        Shared::until_ready(&self.shared, self.shared.hash(key), cost, patience)
    }
}

/// Without keys there is one budget, so only requests without keys may ask:
/// [`Global`](crate::key::Global).
impl<R: Rule, C: Clock> Limiter<()> for Local<R, Direct, C> {
    fn name(&self, _key: &()) -> &Arc<str> {
        &self.shared.name
    }

    #[inline]
    fn check(&self, _key: &(), cost: Cost) -> Check<Turn> {
        Check::Now(self.shared.check(0, cost))
    }

    #[inline]
    fn until_ready(&self, _key: &(), cost: Cost, patience: Patience) -> Check<Turn> {
        Shared::until_ready(&self.shared, 0, cost, patience)
    }
}

impl<R: Rule, S: Shape<R>, C> Clone for Local<R, S, C> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<R: Rule, S: Shape<R>, C: fmt::Debug> fmt::Debug for Local<R, S, C> {
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

/// Says more of a [`Local`] limiter than its rule.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{clock::Coarse, limit::{Local, Quota, SlidingWindow}};
///
/// let limiter = Local::builder(SlidingWindow::new(Quota::per_hour(1_000)))
///     .name("api")
///     .capacity(1_000_000)
///     .clock(Coarse::start(Duration::from_millis(1))?)
///     .keyed();
/// assert!(limiter.check(&42, 1).is_admitted());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalBuilder<R, C = Monotonic> {
    rule: R,
    clock: C,
    capacity: usize,
    name: Arc<str>,
    observer: Option<Arc<dyn Observe>>,
}

impl<R: Rule, C: Clock> LocalBuilder<R, C> {
    /// The name by which clients, logs and metrics know the limit: `default`
    /// unless set.
    pub fn name(self, name: &str) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// For how many keys there is room; see [memory](Local#memory).
    ///
    /// # Panics
    ///
    /// When it is 0 or above 2^31.
    pub fn capacity(self, capacity: usize) -> Self {
        let possible = (1..=1 << 31).contains(&capacity);
        assert!(
            possible,
            "capacity of {capacity} is not possible: allowed is 1 to 2^31"
        );
        Self { capacity, ..self }
    }

    /// The clock to go by.
    pub fn clock<D: Clock>(self, clock: D) -> LocalBuilder<R, D> {
        let Self {
            rule,
            capacity,
            name,
            observer,
            ..
        } = self;
        LocalBuilder {
            rule,
            clock,
            capacity,
            name,
            observer,
        }
    }

    /// Who is told of buckets that are forgotten alive.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// A limiter with a bucket for each key.
    pub fn keyed(self) -> Local<R, Keyed, C> {
        self.build()
    }

    /// A limiter with one bucket.
    pub fn direct(self) -> Local<R, Direct, C> {
        self.build()
    }

    fn build<S: Shape<R>>(self) -> Local<R, S, C> {
        let Self {
            rule,
            clock,
            capacity,
            name,
            observer,
        } = self;
        let forgotten = Forgotten::new(name.clone(), observer);
        let store = S::Store::new(capacity, clock.now(), forgotten);
        let (hasher, lines) = (RandomState::new(), Mutex::default());
        Local {
            shared: Arc::new(Shared {
                rule,
                clock,
                store,
                hasher,
                name,
                lines,
            }),
        }
    }
}
