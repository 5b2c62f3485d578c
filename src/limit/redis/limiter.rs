//! The limiter that users see. It hands checks on to [`check`](super::check),
//! and everything else to the [queue](super::queue).

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    builder::RedisBuilder,
    call::pending::PendingCall,
    check::CheckFuture,
    client::Client,
    counts::RedisCounts,
    failure_policy::{FailClosed, Policy},
    queue::RequestQueue,
};
use crate::{
    key::StoreKey,
    limit::{
        decision::Decision,
        hold::{HoldLimiter, Holding},
        limiter::{Backend, Check, Limiter, Wait},
        reservation::TicketLimiter,
        rules::{
            quota::Cost,
            script::{Operation, Scripted},
        },
    },
    redis::{Connection, Error},
};

/// A limiter whose state is in Redis, so that one limit holds for a whole
/// fleet.
///
/// A Lua script in the server makes each decision, by the server's clock and in
/// whole numbers. The same [`Rule`](crate::limit::Rule) decides the same in
/// process, to the microsecond. Like [`Local`](crate::limit::Local), it is a
/// handle: clones share their state.
///
/// ```no_run
/// # async fn example() -> Result<(), sluicegate::redis::Error> {
/// use sluicegate::{
///     key::ClientIp,
///     limit::{FailOpen, Quota, RateLimitLayer, Redis, TokenBucket},
///     redis::Connection,
/// };
///
/// let connection = Connection::connect("redis://127.0.0.1/").await?;
/// let rule = TokenBucket::new(Quota::per_second(100).burst(200));
/// let limiter = Redis::new("api", rule, &connection, FailOpen);
/// let layer = RateLimitLayer::new(limiter).key(ClientIp::peer());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// A key is any type that implements [`StoreKey`]. A bucket has one name in
/// Redis, `<prefix>:{<limiter>:<key>}:<rule>`. Everything in it that comes from
/// a user is escaped, so no key can reach the bucket of another. The name of a
/// limiter is part of its state: two limiters of one name and one rule on one
/// prefix are one limit, in however many processes.
///
/// | rule | letter |
/// |---|---|
/// | [`TokenBucket`](crate::limit::TokenBucket) | `t` |
/// | [`LeakyBucket`](crate::limit::LeakyBucket) | `q` |
/// | [`LeakyBucket::meter`](crate::limit::LeakyBucket::meter) | `m` |
/// | [`SlidingWindow`](crate::limit::SlidingWindow) | `s` |
/// | [`FixedWindow`](crate::limit::FixedWindow) | `f` |
/// | [`SlidingLog`](crate::limit::SlidingLog) | `l` |
///
/// The open [holds](Self#holds) of a bucket are in a sorted set beside it, whose
/// name has an `h` behind the letter.
///
/// Another rule under the same name is another limit, with buckets of its own
/// that begin whole. While a deployment changes the rule of a limiter, the old
/// instances keep the old limit and the new ones the new limit, so that a key
/// may use both. Afterwards the old buckets expire.
///
/// # A changed quota
///
/// The quota is sent with each call, so a deployment may change it, and no data
/// has to be migrated. A token or leaky bucket keeps the tokens that it had, up
/// to its new size. A window keeps its count; under another period, the use
/// counted under the old one counts as used in the present window. A log keeps
/// its entries. While old and new instances run side by side, each decides by
/// its own quota on the same bucket.
///
/// # Unreadable states
///
/// A value under the name of a bucket that this version does not write
/// (garbage, another type, the layout of a later version) is an error of the
/// kind
/// [`Unreadable`](crate::redis::ErrorKind::Unreadable), and the [`Policy`] decides.
/// The limiter never takes it for a bucket never seen, and never overwrites it.
/// Other keys of the same call are decided as usual, and the breaker does not
/// count the error. It is counted in [`RedisCounts::unreadable`], and logged
/// once for each key, with the limiter's name and the first 16 digits of the
/// SHA-256 of the bucket's name. In an [`All`](crate::limit::All), the readable
/// limits are charged if all of them admit, and rolled back if the policy
/// refuses.
///
/// [`reset`](Self::reset) removes whatever the key holds.
///
/// # What Redis may lose
///
/// A lost bucket counts as one never seen, so its key may pass up to a whole
/// limit more. A server that is full drops buckets to make room, unless its
/// `maxmemory-policy` is `noeviction`. A `volatile-` policy drops them too,
/// because all buckets expire. A limiter reads that policy in the background
/// after the first reply (in a Cluster, of one node), if the user may call
/// `INFO`, and logs one warning if it is another. That call is not part of the
/// connection's [statistics](Connection::stats). With `noeviction` a full
/// server refuses to write, and the [`Policy`] decides.
///
/// # The server's clock
///
/// It is the wall clock of the primary. It may be set, and it jumps when a
/// replica with another clock takes over. A step back admits nothing that would
/// not have been admitted before, and does not deny for as long as the step:
///
/// * A bucket that seems to be further from whole than an empty one counts as
///   empty. One that was in debt counts as far from whole as when it was last
///   written, so a debt holds.
/// * A window or a log waits until the clock is there again after a step of
///   less than a window. After a longer one, what it had counted counts as of
///   now. So it denies for at most one window more than its count explains.
///
/// A booking in advance stays booked, until the clock reaches it. A step ahead
/// is time that passes: buckets fill, and keys expire.
///
/// # Deploying another version
///
/// The layout of a bucket changes over two versions of this crate. The first
/// reads both layouts and writes the old one; the second writes the new one. So
/// while a deployment goes from each version to the next, or back, old and new
/// instances keep one limit exactly. If you skip a version, the old instances
/// cannot read what the new ones have written, and their policy decides about
/// those keys until they are replaced.
///
/// # Calls
///
/// Checks that are made at the same time share calls. A check that arrives
/// while a call is under way is sent with the next one, in order, and many
/// equal checks of one key are a single entry. A check alone is sent at once.
/// Where calls carry several checks, one waits at most for the reply of the
/// call under way. Sharing can be [turned off](RedisBuilder::coalesce). In a
/// Cluster each key is in a slot of its own, and so needs a call of its own.
///
/// A denial is remembered until it is over, and for 1 s at most, so that a
/// client that retries without pause costs Redis next to nothing. A key can
/// pass sooner only if another process [credits](Self::credit) or
/// [resets](Self::reset) it, or if Redis loses its state.
/// [`remember_denials_for`](RedisBuilder::remember_denials_for) sets that time, and
/// [`remember_denials`](RedisBuilder::remember_denials) the number of denials; 0
/// turns it off. A denial of a leased limit is remembered for 50 ms at most,
/// because another process may return its share.
///
/// # Leases
///
/// With [`lease`](RedisBuilder::lease), an instance takes a share of a bucket
/// with a high demand ahead of need, and spends it without a call. The share
/// was charged before, and it ends with its term, so not one request more
/// passes than without leases. The scripts are searched for exceptions
/// exhaustively (`tests/model`).
///
/// A term ends by the server's clock: after at most a second for a bucket, with
/// the window for a window. An instance ends its share early, by a thousandth
/// of the time that is left. If the server's clock steps ahead, gains more than
/// that on the instance's, or if the instance's machine is suspended, the
/// instance may spend after the term. Then a bucket lets the refill of that
/// time pass beyond its limit, and a window at most what was out.
///
/// The price: other instances cannot use what one instance has taken. An
/// instance without demand gives it back within a tenth of a second. One that
/// crashes keeps its share from the others until the term ends, at most what
/// `lease` allows for each key. Then the share counts as spent at that instant,
/// because it may have been, and a bucket refills from there. No instance takes
/// more than half of what is left in the bucket, so close to its limit a key is
/// decided exactly, call by call. `peek` and the numbers of a decision count
/// the shares of others as used.
///
/// A leased limiter does not wait: `until_ready` decides at once. While a
/// deployment turns leases on, the same holds for an instance that is not
/// leased yet, if it would have to wait for the shares of others.
///
/// # Holds
///
/// [`hold`](Self::hold) charges an estimate, and a
/// [`Hold`](crate::limit::Hold) is settled when the real cost is known. The
/// script keeps a record of the charge until then, so each hold is settled at
/// most once, and one whose holder has crashed, or whose settlement was lost,
/// lapses at the end of its [term](RedisBuilder::hold_term): its estimate stays
/// charged, or goes back with
/// [`give_back_orphans`](RedisBuilder::give_back_orphans). The next hold or
/// settlement of the same key makes it lapse and
/// [counts](RedisCounts::lapsed_holds) it; a check alone does not.
///
/// A hold that is settled after it lapsed is charged for what is missing to its
/// real cost. A key has 64 open holds in Redis. More are charged just the same,
/// but without a record: if their holder crashes, they stay charged.
///
/// A hold costs two commands, which it shares with others like a check. It asks
/// Redis in any case, also on a leased limiter. Over-use is a debt, of which the
/// shares that are out do not know: their holders may still spend them.
///
/// # When Redis does not answer
///
/// Each check waits for at most the connection's
/// [timeout](crate::redis::Builder::timeout), 100 ms unless set, and not at all
/// while the connection's breaker is open. Then the [`Policy`] decides:
/// [`FailOpen`](crate::limit::FailOpen), [`FailClosed`] or
/// [`OrElse`](crate::limit::OrElse). A call is not sent twice, unless Redis said that
/// it did not run it, so nothing is charged twice. A check that timed out may
/// have been charged once.
///
/// # Waiting and cancellation
///
/// [`until_ready`](Self::until_ready) books a place in one line for the whole
/// fleet, and sleeps. [`Wait::queue`] bounds the callers of this process only.
/// Dropped while it sleeps, it gives its place back if it is the last in the
/// line. Otherwise the place lapses, because all callers behind it, in any
/// process, would have to learn of it. A check dropped before it was sent is
/// not charged; one dropped after that may have been.
#[derive(Clone)]
pub struct Redis<R: Scripted, P: Policy> {
    /// Sends the requests that this process cannot answer itself.
    pub(super) queue: Arc<RequestQueue<R>>,
    /// Decides when Redis does not answer.
    pub(super) policy: P,
}

impl<R: Scripted, P: Policy> Redis<R, P> {
    /// Makes a limiter of this name. All limiters of the same name and rule on
    /// this connection's prefix are one limit.
    pub fn new(name: &str, rule: R, connection: &Connection, policy: P) -> Self {
        RedisBuilder::new(name, rule, connection).build(policy)
    }

    /// Takes `cost` from the budget of `key` if it is there.
    ///
    /// Never sleeps: a [`LeakyBucket`](crate::limit::LeakyBucket) may answer
    /// [`Queue`](crate::limit::Verdict::Queue), and then the caller has to. A cost of
    /// 0 takes nothing.
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// let decision = limiter.check("alice", 1).await?;
    /// if let Some(retry_after) = decision.retry_after() {
    ///     println!("over the limit, retry in {retry_after:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis does not answer, under [`FailClosed`] only; the other
    /// policies decide.
    pub fn check<K>(&self, key: &K, cost: Cost) -> Check<CheckFuture<R, P>>
    where
        K: StoreKey + Hash + ?Sized,
    {
        self.start_check(key, cost, None)
    }

    /// Returns the present state of `key` as a decision about a cost of 0, and
    /// takes nothing.
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// let left = limiter.peek("alice").await?.remaining();
    /// println!("{left} requests left");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn peek<K: StoreKey + Hash + ?Sized>(&self, key: &K) -> Check<CheckFuture<R, P>> {
        self.check(key, 0)
    }

    /// Takes `cost` from the budget of `key`, as soon as it is there; see
    /// [waiting](Self#waiting-and-cancellation).
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// use std::time::Duration;
    /// use sluicegate::limit::Wait;
    ///
    /// let wait = Wait::up_to(Duration::from_secs(2));
    /// if limiter.until_ready("mail", 1, wait).await?.is_admitted() {
    ///     println!("send the next mail");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn until_ready<K>(&self, key: &K, cost: Cost, wait: Wait) -> Check<CheckFuture<R, P>>
    where
        K: StoreKey + Hash + ?Sized,
    {
        self.start_check(key, cost, Some(wait))
    }

    /// Takes as much as there is for `key`, up to `cost`, and returns how much
    /// that was. If there is nothing, the decision is the denial of a cost of
    /// 1.
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// // Send as many of 50 mails as the limit allows now.
    /// let (granted, decision) = limiter.check_up_to("mail", 50).await?;
    /// println!("send {granted}, the next in {:?}", decision.more_after());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub async fn check_up_to<K>(&self, key: &K, cost: Cost) -> Result<(Cost, Decision), P::Error>
    where
        K: StoreKey + Hash + ?Sized,
    {
        let ticket = self.policy.ticket(key);
        match self.call(key, Operation::UpTo(cost)).await {
            Ok(reply) => Ok((reply.taken, reply.decision)),
            Err(error) => {
                let error = self.client().report_fallback(error);
                let unseen = || self.client().unseen_up_to(cost);
                let local = |local: &dyn TicketLimiter| local.check_up_to(ticket, cost);
                self.policy.fall_back(error, unseen, local)
            }
        }
    }

    /// Charges `estimate` to `key` if it is there, to be settled when the real
    /// cost is known; see [holds](Self#holds). Does not wait: the decision of
    /// the hold may be a verdict of [`Queue`](crate::limit::Verdict::Queue), and
    /// then the caller has to.
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), HoldError<Error>> {
    /// let hold = limiter.hold("alice", 4_000).await?;
    /// let tokens = 1_200; // that the answer has taken
    /// hold.settle(tokens);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// With the denial if the budget does not have it, and as for
    /// [`check`](Self::check).
    pub fn hold<K>(&self, key: &K, estimate: Cost) -> Holding<P::Error>
    where
        K: StoreKey + Hash + ?Sized,
    {
        HoldLimiter::hold(self, key, estimate)
    }

    /// Charges `estimate` to `key` as soon as it is there. Waits like
    /// [`until_ready`](Self::until_ready).
    ///
    /// # Errors
    ///
    /// As for [`hold`](Self::hold).
    pub fn hold_until_ready<K>(&self, key: &K, estimate: Cost, wait: Wait) -> Holding<P::Error>
    where
        K: StoreKey + Hash + ?Sized,
    {
        HoldLimiter::hold_until_ready(self, key, estimate, wait)
    }

    /// Gives `cost` back to `key`, for work that was not done after all. Never
    /// leaves more than a whole bucket.
    ///
    /// This process forgets its denial of the key at once. Another process that
    /// remembers one goes on denying until it asks Redis again: for 1 s at
    /// most, unless
    /// [`remember_denials_for`](RedisBuilder::remember_denials_for) says
    /// otherwise.
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// let request_failed = true;
    /// if limiter.check("alice", 1).await?.is_admitted() && request_failed {
    ///     limiter.credit("alice", 1).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the cost may have been given back even so.
    /// When the bucket [cannot be read](Self#unreadable-states); then it was
    /// not.
    pub async fn credit<K: StoreKey + ?Sized>(&self, key: &K, cost: Cost) -> Result<(), Error> {
        self.make_fuller(key, Operation::Credit(cost)).await
    }

    /// Takes `cost` from `key` even if it is not there, for work whose cost is
    /// known only when it is done. The bucket may go into
    /// [debt](crate::limit::Quota#debt), up to
    /// [`Rule::max_debit`](crate::limit::Rule::max_debit).
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// // Each query costs as many tokens as it read rows.
    /// if limiter.check("alice", 1).await?.is_admitted() {
    ///     let rows = 250;
    ///     limiter.debit("alice", rows).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the cost may have been taken even so. When
    /// the bucket [cannot be read](Self#unreadable-states); then it was not.
    pub async fn debit<K: StoreKey + ?Sized>(&self, key: &K, cost: Cost) -> Result<(), Error> {
        self.call(key, Operation::Debit(cost)).await.map(|_| ())
    }

    /// Makes the bucket of `key` whole, but for the [leased](Self#leases)
    /// shares, which stay charged. Callers that wait for it already pass when
    /// they were told to. A state that [cannot be
    /// read](Self#unreadable-states) is removed, too.
    ///
    /// Other processes may remember a denial of the key for a time; see
    /// [`credit`](Self::credit).
    ///
    /// ```no_run
    /// # use sluicegate::{limit::*, redis::Error};
    /// # async fn example(limiter: Redis<TokenBucket, FailClosed>) -> Result<(), Error> {
    /// // The support team lets Alice in again.
    /// limiter.reset("alice").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the bucket may be whole even so.
    pub async fn reset<K: StoreKey + ?Sized>(&self, key: &K) -> Result<(), Error> {
        self.make_fuller(key, Operation::Reset).await
    }

    /// Returns the rule.
    pub fn rule(&self) -> &R {
        &self.client().rule
    }

    /// Returns the counts of this handle and its clones.
    pub fn counts(&self) -> RedisCounts {
        self.client().counters.snapshot()
    }

    /// Returns the name of the limiter.
    pub(crate) fn label(&self) -> &str {
        &self.client().name
    }

    /// Returns a function that reads the [`counts`](Self::counts) without
    /// holding the limiter, which may itself hold the registry that calls the
    /// function.
    pub(crate) fn watch(&self) -> impl Fn() -> RedisCounts + Send + Sync + 'static + use<R, P> {
        let counters = self.client().counters.clone();
        move || counters.snapshot()
    }

    /// Sends a request that makes a bucket fuller.
    async fn make_fuller<K: StoreKey + ?Sized>(
        &self,
        key: &K,
        operation: Operation,
    ) -> Result<(), Error> {
        let bucket = self.client().bucket(key);
        let hash = bucket.hash;
        // Denials are forgotten before the request and after its reply, because
        // a denial that came in between may have been decided before it. A
        // worker sends the request, and forgets if this is dropped before.
        self.client().forget(hash);
        let _forget = ForgetOnDrop(self.client(), hash);
        self.queue.call(bucket, operation, true).await.map(|_| ())
    }

    /// Sends a request that does not wait for a place.
    fn call<K: StoreKey + ?Sized>(&self, key: &K, operation: Operation) -> PendingCall {
        self.queue.call(self.client().bucket(key), operation, false)
    }

    /// Returns the client that all clones share.
    pub(super) fn client(&self) -> &Client<R> {
        &self.queue.client
    }
}

/// Forgets the denial of a bucket when it is dropped.
struct ForgetOnDrop<'a, R: Scripted>(&'a Client<R>, u64);

impl<R: Scripted> Drop for ForgetOnDrop<'_, R> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

impl<R: Scripted> Redis<R, FailClosed> {
    /// Begins a limiter with more settings than a rule and a policy.
    pub fn builder(name: &str, rule: R, connection: &Connection) -> RedisBuilder<R> {
        RedisBuilder::new(name, rule, connection)
    }
}

impl<R: Scripted, P: Policy> Backend for Redis<R, P> {
    type Error = P::Error;
    type Future = CheckFuture<R, P>;

    fn label(&self) -> Arc<str> {
        self.client().name.clone()
    }
}

impl<R: Scripted, P: Policy, K: StoreKey + Hash + ?Sized> Limiter<K> for Redis<R, P> {
    fn name(&self, _key: &K) -> Arc<str> {
        self.client().name.clone()
    }

    fn check(&self, key: &K, cost: Cost) -> Check<Self::Future> {
        self.start_check(key, cost, None)
    }

    fn until_ready(&self, key: &K, cost: Cost, wait: Wait) -> Check<Self::Future> {
        self.start_check(key, cost, Some(wait))
    }
}

impl<R: Scripted, P: Policy> fmt::Debug for Redis<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.client().name)
            .field("rule", &self.client().rule)
            .field("connection", &self.client().connection)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
