//! The settings of a limiter in Redis.

use std::{sync::Arc, time::Duration};

use ahash::RandomState;

use super::{
    client::Client, denial_cache::DenialCache, failure_policy::Policy, hold::HoldSettings,
    lease::LeaseTable, limiter::Redis, queue::RequestQueue, unreadable::UnreadableLog,
};
use crate::{
    clock::ticks,
    limit::{
        observe::Observe,
        rules::{
            quota::Cost,
            script::{Scripted, terms},
        },
        warn_log::WarnLog,
    },
    redis::{Connection, EvictionCheck, Lane},
};

/// How many requests may wait for a call, unless set.
const DEFAULT_QUEUE: usize = 16_384;

/// How many denials are remembered, unless set.
const DEFAULT_DENIALS: usize = 16_384;

/// For how long a denial is remembered at most, unless set.
const DEFAULT_REMEMBER: Duration = Duration::from_secs(1);

/// For how long a hold is kept, unless set.
const DEFAULT_HOLD_TERM: Duration = Duration::from_secs(300);

/// The longest such time.
const MAX_HOLD_TERM: Duration = Duration::from_secs(24 * 3_600);

/// The settings of a [`Redis`] limiter; made by [`Redis::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), sluicegate::redis::Error> {
/// use sluicegate::{limit::{Local, OrElse, Quota, Redis, SlidingWindow}, redis::Connection};
///
/// let connection = Connection::connect("redis://127.0.0.1/").await?;
/// let limit = |amount| SlidingWindow::new(Quota::per_hour(amount));
/// let limiter = Redis::builder("mail", limit(600), &connection)
///     .remember_denials(100_000)
///     .queue(1_000)
///     .build(OrElse(Local::keyed(limit(100))));
/// assert!(limiter.check("alice", 1).await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisBuilder<R> {
    name: Arc<str>,
    rule: R,
    connection: Connection,
    /// Whether requests may share calls.
    coalesce: bool,
    /// How many requests may wait for a call.
    queue: usize,
    /// How many denials are remembered.
    denials: usize,
    /// For how long a denial is remembered at most.
    remember: Duration,
    /// The largest share of a bucket; `None` if nothing is leased.
    lease: Option<Cost>,
    /// For how long a hold is kept that is not settled.
    hold_term: Duration,
    /// Whether such a hold is given back then.
    gives_back_orphans: bool,
    /// Notified when a policy decides.
    observer: Option<Arc<dyn Observe>>,
}

impl<R: Scripted> RedisBuilder<R> {
    /// The connection is switched to the lane of limits, so that other uses of
    /// Redis do not delay checks.
    pub(super) fn new(name: &str, rule: R, connection: &Connection) -> Self {
        Self {
            name: name.into(),
            rule,
            connection: connection.on(Lane::Limits),
            coalesce: true,
            queue: DEFAULT_QUEUE,
            denials: DEFAULT_DENIALS,
            remember: DEFAULT_REMEMBER,
            lease: None,
            hold_term: DEFAULT_HOLD_TERM,
            gives_back_orphans: false,
            observer: None,
        }
    }

    /// Whether checks may share calls; see [calls](Redis#calls). They do unless
    /// set to `false`.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// // Each check is a call of its own.
    /// let limiter = Redis::builder("api", TokenBucket::new(Quota::per_second(10)), connection)
    ///     .coalesce(false)
    ///     .build(FailOpen);
    /// # let _ = limiter;
    /// # }
    /// ```
    pub fn coalesce(self, coalesce: bool) -> Self {
        Self { coalesce, ..self }
    }

    /// How many requests may wait for a call: 16,384 unless set. If the queue
    /// is full, the policy decides at once.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(10));
    /// let limiter = Redis::builder("api", rule, connection).queue(1_000).build(FailOpen);
    /// # let _ = limiter;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn queue(self, queue: usize) -> Self {
        assert!(queue > 0, "invalid queue {queue}: must be at least 1");
        Self { queue, ..self }
    }

    /// How many denials are remembered in this process: 16,384 unless set, at
    /// about 100 bytes each. 0 turns it off.
    pub fn remember_denials(self, denials: usize) -> Self {
        Self { denials, ..self }
    }

    /// For how long a denial is remembered at most: 1 s unless set. 0 turns it
    /// off.
    ///
    /// It is the longest time for which this process does not learn of a
    /// [`reset`](Redis::reset) or [`credit`](Redis::credit) by another one. A key that
    /// is denied all the time costs Redis one request in each such time.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use std::time::Duration;
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// let limiter = Redis::builder("api", TokenBucket::new(Quota::per_day(1_000)), connection)
    ///     .remember_denials_for(Duration::from_millis(100))
    ///     .build(FailOpen);
    /// # let _ = limiter;
    /// # }
    /// ```
    pub fn remember_denials_for(self, remember: Duration) -> Self {
        Self { remember, ..self }
    }

    /// Lets this process take up to `share` of a bucket ahead of need, for keys
    /// with so high a demand that even shared calls are too many; see
    /// [leases](Redis#leases). Off unless set. How much it takes follows the
    /// demand: about as much as was asked for in the last tenth of a second. A
    /// share below 32 has no effect.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(100_000));
    /// let limiter = Redis::builder("ingest", rule, connection)
    ///     .lease(5_000)
    ///     .build(FailOpen);
    /// # let _ = limiter;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When the rule cannot be leased: a
    /// [`LeakyBucket`](crate::limit::LeakyBucket) with a queue, or a
    /// [`SlidingLog`](crate::limit::SlidingLog).
    #[track_caller]
    pub fn lease(self, share: Cost) -> Self {
        let rule = self.rule.lua_name().replace('_', " ");
        assert!(
            self.rule.can_lease(),
            "invalid rule to lease {rule}: must be a token bucket, a meter, a fixed or a sliding window"
        );
        Self {
            lease: Some(share),
            ..self
        }
    }

    /// For how long a [hold](Redis#holds) is kept that is not settled: 5
    /// minutes unless set. Longer than any request takes: the term of a hold
    /// begins when it is charged and is not renewed.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use std::time::Duration;
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// let rule = TokenBucket::new(Quota::per_minute(100_000));
    /// let limiter = Redis::builder("tokens", rule, connection)
    ///     .hold_term(Duration::from_secs(900))
    ///     .give_back_orphans()
    ///     .build(FailOpen);
    /// # let _ = limiter;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is less than a millisecond or more than a day.
    #[track_caller]
    pub fn hold_term(self, term: Duration) -> Self {
        assert!(
            (Duration::from_millis(1)..=MAX_HOLD_TERM).contains(&term),
            "invalid hold term {term:?}: must be 1 ms to 24 h"
        );
        Self {
            hold_term: term,
            ..self
        }
    }

    /// Gives back the charge of a [hold](Redis#holds) whose holder has crashed,
    /// when its term ends. By default it stays charged.
    pub fn give_back_orphans(self) -> Self {
        Self {
            gives_back_orphans: true,
            ..self
        }
    }

    /// An observer of the checks that Redis did not answer; see
    /// [`Observe::fell_back`].
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Makes the limiter. `policy` decides when Redis does not answer.
    pub fn build<P: Policy>(self, policy: P) -> Redis<R, P> {
        let keep = ticks(self.remember);
        let denials = (self.denials > 0 && keep > 0).then(|| DenialCache::new(self.denials, keep));
        let client = Client {
            terms: terms(&self.rule),
            rule: self.rule,
            name: self.name,
            connection: self.connection,
            denials,
            leases: self.lease.map(LeaseTable::new),
            hasher: RandomState::new(),
            counters: Arc::default(),
            observer: self.observer,
            log: WarnLog::new(),
            unreadable: UnreadableLog::default(),
            holds: HoldSettings::new(ticks(self.hold_term), self.gives_back_orphans),
            eviction: EvictionCheck::default(),
        };
        Redis {
            queue: Arc::new(RequestQueue::new(client, self.coalesce, self.queue)),
            policy,
        }
    }
}
