//! The limiter itself: what its users ask, handed on to the path of a check.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    builder::RedisBuilder,
    call::pending::PendingCall,
    check::CheckFuture,
    client::Client,
    counts::RedisCounts,
    failure_policy::{FailClosed, Policy, TicketLimiter},
    queue::Queue,
    wait::WaitCounts,
};
use crate::{
    key::StoreKey,
    limit::{
        decision::Decision,
        limiter::{Backend, Check, Limiter, Wait},
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
/// Each decision is made by a Lua script in the server, by the server's clock,
/// in whole numbers: the same [`Rule`](crate::limit::Rule) with the same answer to the
/// microsecond as in process. It is a handle, as [`Local`](crate::limit::Local) is, and
/// takes its place in one line:
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
/// A key is anything that can be written down: [`StoreKey`]. A bucket has one name in
/// Redis, `<prefix>:{<limiter>:<key>}:<rule>`, in which everything of a user's is
/// escaped: no key can get at another's bucket. So a limiter's name is part of its
/// state: two limiters of one name and one rule on one prefix are one limit, in
/// however many processes.
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
/// Another rule under the same name is another limit, with buckets of its own,
/// that begin whole. While a deployment changes the rule of a limiter, the old
/// instances keep the old limit and the new ones the new limit, so that a key may
/// have both; afterwards the old buckets expire.
///
/// # A changed quota
///
/// The quota comes with each call, so a deployment may change it, and nothing
/// has to be migrated. A token or leaky bucket keeps the tokens that it had, at
/// most as many as it now holds. A window keeps what was counted in it; under
/// another period, what was used by the old one counts as used in the present
/// window. A log keeps its entries. While old and new instances run side by
/// side, each decides by its own quota on the same bucket.
///
/// # Unreadable states
///
/// A value that this version does not write under the name of a bucket (garbage,
/// another type, the layout of a later version) is an error of the kind
/// [`Unreadable`](crate::redis::ErrorKind::Unreadable), about which the [`Policy`]
/// decides. It is never taken for a bucket that was never seen, and never
/// overwritten. Other keys of the same call are decided as ever, and the breaker
/// does not count it. It is counted ([`RedisCounts::unreadable`]) and logged once
/// for each key, with the limiter's name and the first 16 digits of the SHA-256 of
/// the bucket's name. In an [`All`](crate::limit::All), the readable limits are charged
/// if all of them admit, and given back if the policy refuses.
///
/// [`reset`](Self::reset) is the way out: it removes whatever the key holds.
///
/// # What Redis may lose
///
/// A bucket that is lost is one never seen: its key passes up to a whole limit more.
/// A server that runs full drops buckets to make room, unless its
/// `maxmemory-policy` is `noeviction`; all buckets expire, so that a `volatile-`
/// policy drops them too. A limiter reads that policy in the background after the
/// first answer (in a Cluster, of one node), where the user may call `INFO`, and
/// logs a warning, once, if it is another. That call is not among the connection's
/// [statistics](Connection::stats). With `noeviction` a full server refuses to
/// write, and the [`Policy`] decides.
///
/// # The server's clock
///
/// It is the wall clock of the primary, which may be set, and jumps when a replica
/// with another clock takes over. A step back admits nothing that would not have
/// been admitted before, and locks nobody out for as long as it is:
///
/// * a bucket that seems to be further from whole than an empty one counts as empty;
///   one that was in debt counts as far from whole as when it was last written, so
///   a debt holds;
/// * a window or a log waits until the clock is there again for a step of less than
///   a window; after a longer one, what it had counted counts as of now. So it
///   denies for at most one window more than what it has counted explains.
///
/// What was booked in advance stays booked, and is waited for until the clock is
/// there. A step ahead is time that passes: buckets fill, and keys expire.
///
/// # Deploying another version
///
/// The layout of a bucket changes over two versions of this crate. The first reads
/// the old layout and the new one, and writes the old one; the second writes the
/// new one. So while a deployment goes from each version to the next, or back, old
/// and new instances keep one limit exactly. If you skip a version, the old
/// instances cannot read what the new ones have written: their policy decides
/// about those keys until they are replaced.
///
/// # Calls
///
/// Checks that are made at the same time share calls: what is asked while a
/// call is under way rides in the next one, in order, and many equal checks of
/// one key are a single entry. Nothing is held back for that. It can be [turned
/// off](RedisBuilder::coalesce). In a Cluster each key is in a slot of its own,
/// and so each has a call of its own.
///
/// A denial is remembered until it has passed, and for 1 s at most, so that
/// hammering costs Redis next to nothing: a key can pass sooner only if another
/// process [gives back](Self::credit) or [resets](Self::reset), or if Redis loses
/// its state. [`remember_denials_for`](RedisBuilder::remember_denials_for) sets
/// that time, and [`remember_denials`](RedisBuilder::remember_denials) how many are
/// remembered; 0 turns it off. Where a limit is leased, a denial is remembered for
/// 50 ms at most, because what others have leased may come back.
///
/// # Leases
///
/// With [`lease`](RedisBuilder::lease), an instance takes a share of a hot
/// bucket ahead of need, and spends it without asking. What is spent was charged
/// before, and a share ends with its term, so not one request more passes than
/// without. The scripts are searched for exceptions exhaustively (`tests/model`).
///
/// A term ends by the server's clock: after at most a second for a bucket, with
/// the window for a window. An instance ends its share a thousandth of the rest
/// early. If the server's clock steps ahead, gains more than that on the
/// instance's, or if the instance's machine is suspended, the instance may spend
/// after the term. Then a bucket lets the refill of that time pass beyond its
/// limit, and a window at most what was out.
///
/// The price: what one instance has taken is not there for the others. An
/// instance that falls silent gives it back within a tenth of a second; one that
/// crashes strands its share, at most what `lease` allows for each key, until
/// the term ends. What was out then counts as spent at that instant, because it
/// may have been: a bucket refills from there. No instance takes more than half
/// of what is left, so close to its limit a key is decided exactly, call by call.
/// `peek` and the numbers of a decision count as used what others have taken.
///
/// A leased limiter does not wait: `until_ready` decides at once. While a
/// deployment turns leases on, so does one that is not leased, if it would have
/// to wait for what others have taken.
///
/// # When Redis does not answer
///
/// Each check waits for the connection's
/// [timeout](crate::redis::Builder::timeout) at most, 100 ms unless set, and
/// while the connection's breaker is open not at all. Then the [`Policy`]
/// decides: [`FailOpen`](crate::limit::FailOpen), [`FailClosed`](crate::limit::FailClosed) or
/// [`OrElse`](crate::limit::OrElse). A call is never sent twice, unless Redis said that
/// it did not run it; so nothing is charged twice. A check that timed out may
/// have been charged once.
///
/// # Waiting and cancellation
///
/// [`until_ready`](Self::until_ready) books a place, in one line for the whole
/// fleet, and sleeps. Dropped while it sleeps, it gives its place back if it is
/// the last in the line; otherwise its place lapses, for to let someone else
/// in would need word to all who wait behind it. A check dropped before it was
/// sent is not charged; one dropped after that may have been.
pub struct Redis<R: Scripted, P: Policy> {
    /// Sends what cannot be answered here.
    pub(super) queue: Arc<Queue<R>>,
    /// The callers of this process that wait.
    pub(super) waiting: Arc<WaitCounts>,
    pub(super) policy: P,
}

impl<R: Scripted, P: Policy> Redis<R, P> {
    /// A limiter of this name: with all others of the name and the rule on this
    /// connection's prefix, it is one limit.
    pub fn new(name: &str, rule: R, connection: &Connection, policy: P) -> Self {
        RedisBuilder::new(name, rule, connection).build(policy)
    }

    /// Takes `cost` from the budget of `key` if it is there.
    ///
    /// Never sleeps: a [`LeakyBucket`](crate::limit::LeakyBucket) may answer
    /// [`Queue`](crate::limit::Verdict::Queue), and then the caller has to. A cost of
    /// 0 takes nothing.
    ///
    /// # Errors
    ///
    /// As the policy says: only under [`FailClosed`](crate::limit::FailClosed).
    pub fn check<K>(&self, key: &K, cost: Cost) -> Check<CheckFuture<R, P>>
    where
        K: StoreKey + Hash + ?Sized,
    {
        self.start_check(key, cost, None)
    }

    /// What is left for `key`. Takes nothing.
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
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn until_ready<K>(&self, key: &K, cost: Cost, wait: Wait) -> Check<CheckFuture<R, P>>
    where
        K: StoreKey + Hash + ?Sized,
    {
        self.start_check(key, cost, Some(wait))
    }

    /// Takes as much as there is for `key`, up to `cost`; answers how much that
    /// was. When there is nothing, the decision is the denial of a cost of 1.
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

    /// Gives `cost` back to `key`, for work that was not done after all. Never
    /// leaves more than a whole bucket.
    ///
    /// This process hears of it at once. Another one that remembers a denial of the
    /// key goes on denying it until it asks Redis again: for 1 s at most, unless
    /// [`remember_denials_for`](RedisBuilder::remember_denials_for) says otherwise.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; it may have been given back even so. When the
    /// bucket [cannot be read](Self#unreadable-states); then it was not.
    pub async fn credit<K: StoreKey + ?Sized>(&self, key: &K, cost: Cost) -> Result<(), Error> {
        self.make_fuller(key, Operation::Credit(cost)).await
    }

    /// Takes `cost` from `key` without asking, for work whose cost is known
    /// only when it is done. The bucket may go into debt, of which it remembers as
    /// much as [`Rule::max_debit`](crate::limit::Rule::max_debit) tells: see
    /// [debt](crate::limit::Quota#debt).
    ///
    /// # Errors
    ///
    /// When Redis does not answer; it may have been taken even so. When the bucket
    /// [cannot be read](Self#unreadable-states); then it was not.
    pub async fn debit<K: StoreKey + ?Sized>(&self, key: &K, cost: Cost) -> Result<(), Error> {
        self.call(key, Operation::Debit(cost)).await.map(|_| ())
    }

    /// Makes the bucket of `key` whole. Those who wait for it already pass when
    /// they were told to. A state that [cannot be read](Self#unreadable-states) is
    /// removed, too.
    ///
    /// This process hears of it at once. Another one that remembers a denial of the
    /// key goes on denying it until it asks Redis again: for 1 s at most, unless
    /// [`remember_denials_for`](RedisBuilder::remember_denials_for) says otherwise.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; it may be whole even so.
    pub async fn reset<K: StoreKey + ?Sized>(&self, key: &K) -> Result<(), Error> {
        self.make_fuller(key, Operation::Reset).await
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.client().rule
    }

    /// What was asked so far, by this handle and its clones.
    pub fn counts(&self) -> RedisCounts {
        self.client().counters.snapshot()
    }

    /// The name that it was given.
    pub(crate) fn label(&self) -> &str {
        &self.client().name
    }

    /// Looks at its [`counts`](Self::counts), and does not hold it: what it holds
    /// may hold the one who looks.
    pub(crate) fn watch(&self) -> impl Fn() -> RedisCounts + Send + Sync + 'static + use<R, P> {
        let counters = self.client().counters.clone();
        move || counters.snapshot()
    }

    /// Denials are forgotten when it is asked and when it is answered: what was
    /// answered in between may be from before it.
    async fn make_fuller<K: StoreKey + ?Sized>(
        &self,
        key: &K,
        entry: Operation,
    ) -> Result<(), Error> {
        let bucket = self.client().bucket(key);
        let key = bucket.key;
        self.client().forget(key);
        let reply = self.queue.call(bucket, entry, false).await;
        self.client().forget(key);
        reply.map(|_| ())
    }

    /// Sends a request that does not wait for a place.
    fn call<K: StoreKey + ?Sized>(&self, key: &K, entry: Operation) -> PendingCall {
        self.queue.call(self.client().bucket(key), entry, false)
    }

    /// What all clones know about their buckets and their server.
    pub(super) fn client(&self) -> &Client<R> {
        &self.queue.client
    }
}

impl<R: Scripted> Redis<R, FailClosed> {
    /// A limiter of which more is to be said.
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

impl<R: Scripted, P: Policy> Clone for Redis<R, P> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            waiting: self.waiting.clone(),
            policy: self.policy.clone(),
        }
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
