//! `All` as its users see it. It hands on to the tuple of limiters that it
//! holds.

use crate::limit::{
    limiter::{Backend, Check, Limiter, Wait},
    rules::quota::Cost,
};

/// Several limits for one request: all of them are charged, or none is.
///
/// It holds a tuple of 2 to 4 limiters, and no state of its own. Its key is a
/// tuple with a part for each limiter; if all use the same key, see
/// [`one_key`](Self::one_key). A member is [`Local`](crate::limit::Local), `Redis`, or
/// [`Tiers`](crate::limit::Tiers) of them.
///
/// # How it decides
///
/// [`All`] asks each of its limiters for its part of the key, with one cost.
/// Either all of them are charged, or none is: a limit that refuses takes
/// nothing, and the charges of those before it are rolled back.
///
/// The answer is the decision of one of them, under its name. A refusal comes
/// from a limit that the cost can never pass, if there is one, and otherwise
/// from the limit that asks for the longest wait; after that time the same cost
/// passes all of them, if no other request came. An admission comes from the
/// limit with the least remaining, so that clients learn of the quota that they
/// will reach first.
///
/// | its limiters are | it asks them |
/// |---|---|
/// | in process: [`Local`](crate::limit::Local) | one after the other, without allocating anything |
/// | in `Redis`, on one `Connection` | all in one call, decided in one step |
/// | in a Redis Cluster, on several connections, or mixed | those in process, and then one call after the other |
///
/// Where it asks one after the other, a limit is charged for a moment although
/// a later one refuses, and another request may be refused because of it. It
/// never gives back more than was taken: a window that has turned twice since
/// keeps the charge, and so does a queue in which another caller has booked
/// behind it.
///
/// A refusal costs as few calls as possible. If a limit in process refuses, or
/// if a denial of Redis is remembered, it does not ask Redis. If it asks one
/// after the other, it stops at the first that refuses. The time to wait is
/// then the longest that is known.
///
/// # Example
///
/// Per second and per day:
///
/// ```
/// use sluicegate::limit::{All, Local, Quota, SlidingWindow, TokenBucket};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let burst = Local::keyed(TokenBucket::new(Quota::per_second(10)));
/// let daily = Local::keyed(SlidingWindow::new(Quota::per_day(1_000)));
/// let limiter = All((burst, daily)).one_key();
///
/// let Ok(decision) = limiter.check("ann", 4).await;
/// assert!(decision.is_admitted());
/// assert_eq!(decision.remaining(), 6);
/// # }
/// ```
///
/// # Custom example
///
/// Per user, per tenant, and for all together; the first two hold for a fleet:
///
/// ```no_run
/// # async fn example() -> Result<(), sluicegate::redis::Error> {
/// use sluicegate::{
///     key::{self, Global},
///     limit::{All, FailOpen, Local, Quota, RateLimitLayer, Redis, SlidingWindow, TokenBucket},
///     redis::Connection,
/// };
///
/// let redis = Connection::connect("redis://127.0.0.1/").await?;
/// let user = Redis::new("user", TokenBucket::new(Quota::per_second(10)), &redis, FailOpen);
/// let tenant = Redis::new("tenant", SlidingWindow::new(Quota::per_hour(5_000)), &redis, FailOpen);
/// let here = Local::builder(TokenBucket::new(Quota::per_second(500))).name("here").direct();
///
/// let layer = RateLimitLayer::new(All((user, tenant, here)))
///     .key((key::header("user"), key::header("tenant"), Global));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// A bucket that occurs twice (the same limiter with the same key) is charged
/// twice the cost.
///
/// # Waiting
///
/// Only a [`LeakyBucket`](crate::limit::LeakyBucket) makes requests wait, for
/// as long as the longest of their queues. Other limits book no places:
/// [`wait`](crate::limit::RateLimitLayer::wait) bounds the wait in a queue, and has no
/// other effect.
///
/// # Holds
///
/// [`HoldLimiter::hold`](crate::limit::HoldLimiter::hold) charges an estimate to
/// each of its limits, and [`Hold::settle`](crate::limit::Hold::settle) settles it
/// in all of them. Limits in Redis are charged as by a check: on one `Connection`
/// all in one call, in one step, and their settlement is one call, too. Elsewhere,
/// and with a queue, each is asked in a call of its own, at the same time, so one
/// of them is charged for a moment although another refuses.
///
/// # When Redis does not answer
///
/// The policy of each limit decides for that limit. If one is `FailClosed`, the
/// error is the answer, and the charges of all others are rolled back. A call
/// is never repeated; one that was not answered may have been charged.
///
/// # Cancellation
///
/// A check that is dropped before it is done is rolled back: in process at
/// once, and in Redis when the reply to a call under way has come. A place in a
/// queue is given back as by its limiter's own
/// [`until_ready`](crate::limit::Local::until_ready). A request that is dropped after
/// it was admitted has used all of its budgets.
///
/// # Differences from others
///
/// Two layers around each other, of this crate or another, charge the outer
/// limit for a request that the inner one refuses.
#[derive(Clone, Copy, Debug)]
pub struct All<T>(pub T);

/// Several limits that are all given the same key; made by [`All::one_key`].
#[derive(Clone, Copy, Debug)]
pub struct OneKey<T>(pub(super) T);

impl<T> All<T> {
    /// Gives each of the limits the same key.
    ///
    /// ```
    /// use sluicegate::{
    ///     key::ClientIp,
    ///     limit::{All, Local, Quota, RateLimitLayer, SlidingLog, TokenBucket},
    /// };
    ///
    /// let burst = Local::builder(TokenBucket::new(Quota::per_second(10))).name("burst").keyed();
    /// let hour = Local::builder(SlidingLog::new(Quota::per_hour(500))).name("hour").keyed();
    /// let layer = RateLimitLayer::new(All((burst, hour)).one_key()).key(ClientIp::peer());
    /// # let _ = layer;
    /// ```
    pub fn one_key(self) -> All<OneKey<T>> {
        All(OneKey(self.0))
    }

    /// Takes `cost` from each of the budgets if it is there in all of them.
    ///
    /// Never sleeps: if a limit has a queue, it may answer
    /// [`Queue`](crate::limit::Verdict::Queue) with the longest of the waits, and then
    /// the caller has to sleep.
    ///
    /// ```
    /// use sluicegate::limit::{All, Local, Quota, TokenBucket};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let user = Local::keyed(TokenBucket::new(Quota::per_second(2)));
    /// let tenant = Local::keyed(TokenBucket::new(Quota::per_second(3)));
    /// let limits = All((user, tenant));
    /// let Ok(ann) = limits.check(&("ann", "acme"), 2).await;
    /// let Ok(bob) = limits.check(&("bob", "acme"), 2).await;
    /// // Bob has a budget, but his tenant has only 1 left; so Bob keeps his.
    /// assert!(ann.is_admitted() && bob.is_denied());
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis does not answer, and the policy of one of its limits is
    /// `FailClosed`.
    pub fn check<K: ?Sized>(&self, key: &K, cost: Cost) -> Check<<Self as Backend>::Future>
    where
        Self: Limiter<K>,
    {
        Limiter::check(self, key, cost)
    }

    /// The same, and sleeps if a limit has a queue; `wait` bounds that wait.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use sluicegate::{
    ///     clock,
    ///     limit::{All, LeakyBucket, Local, Quota, TokenBucket, Wait},
    /// };
    ///
    /// let clock = clock::Tokio::new();
    /// let pace = Local::builder(LeakyBucket::new(Quota::per_second(10)));
    /// let daily = Local::builder(TokenBucket::new(Quota::per_day(1_000)));
    /// let limits = All((pace.clock(clock.clone()).keyed(), daily.clock(clock).keyed()));
    /// let limits = limits.one_key();
    ///
    /// let wait = Wait::up_to(Duration::from_secs(1));
    /// for _ in 0..5 {
    ///     let Ok(decision) = limits.until_ready("mail", 1, wait).await;
    ///     assert!(decision.is_admitted());
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn until_ready<K: ?Sized>(
        &self,
        key: &K,
        cost: Cost,
        wait: Wait,
    ) -> Check<<Self as Backend>::Future>
    where
        Self: Limiter<K>,
    {
        Limiter::until_ready(self, key, cost, wait)
    }
}
