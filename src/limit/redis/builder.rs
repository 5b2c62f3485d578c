use std::sync::Arc;

use ahash::RandomState;

use super::{Redis, denials::Denials, leases::Leases, queue::Queue, shared::Shared};
use crate::{
    limit::{
        fallback::Policy,
        log::Log,
        observe::Observe,
        quota::Cost,
        script::{Scripted, head},
    },
    redis::Connection,
};

/// How many questions may wait for a call unless told otherwise.
const QUEUE: usize = 16_384;

/// How many denials are remembered unless told otherwise.
const DENIALS: usize = 16_384;

/// Says more of a [`Redis`] limiter than its rule.
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
    coalesce: bool,
    queue: usize,
    denials: usize,
    lease: Option<Cost>,
    observer: Option<Arc<dyn Observe>>,
}

impl<R: Scripted> RedisBuilder<R> {
    pub(super) fn new(name: &str, rule: R, connection: &Connection) -> Self {
        Self {
            name: name.into(),
            rule,
            connection: connection.clone(),
            coalesce: true,
            queue: QUEUE,
            denials: DENIALS,
            lease: None,
            observer: None,
        }
    }

    /// Whether checks may share calls; see [calls](Redis#calls). They do unless
    /// told otherwise.
    pub fn coalesce(self, coalesce: bool) -> Self {
        Self { coalesce, ..self }
    }

    /// How many questions may wait for a call: 16,384 unless set. Whoever finds
    /// the queue full is answered by the policy at once.
    ///
    /// # Panics
    ///
    /// When it is 0.
    pub fn queue(self, queue: usize) -> Self {
        assert!(
            queue > 0,
            "queue of 0 is not possible: allowed is 1 or more"
        );
        Self { queue, ..self }
    }

    /// How many denials are remembered in this process: 16,384 unless set, at
    /// about 100 bytes each. 0 turns it off.
    pub fn remember_denials(self, denials: usize) -> Self {
        Self { denials, ..self }
    }

    /// Lets this process take up to `share` of a bucket ahead of need, for keys so
    /// hot that even shared calls are too many; see [leases](Redis#leases). Off
    /// unless set. How much it takes follows the demand: about as much as was
    /// asked for in the last tenth of a second. A share below 32 does nothing.
    ///
    /// # Panics
    ///
    /// When the rule cannot be leased: a [`LeakyBucket`](crate::limit::LeakyBucket)
    /// with a queue, or a [`SlidingLog`](crate::limit::SlidingLog).
    pub fn lease(self, share: Cost) -> Self {
        let rule = self.rule.twin().replace('_', " ");
        assert!(
            self.rule.leases(),
            "lease of a {rule} is not possible: allowed are token buckets, meters, fixed and sliding windows"
        );
        Self {
            lease: Some(share),
            ..self
        }
    }

    /// Who is told of every check that Redis did not answer.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// A limiter that does as `policy` says when Redis does not answer.
    pub fn build<P: Policy>(self, policy: P) -> Redis<R, P> {
        let denials = (self.denials > 0).then(|| Denials::new(self.denials));
        let shared = Shared {
            head: head(&self.rule),
            rule: self.rule,
            name: self.name,
            connection: self.connection,
            coalesce: self.coalesce,
            capacity: self.queue,
            queue: Queue::default(),
            denials,
            leases: self.lease.map(Leases::new),
            lines: Default::default(),
            hasher: RandomState::new(),
            counters: Arc::default(),
            observer: self.observer,
            log: Log::new(),
            unreadable: Default::default(),
        };
        Redis {
            shared: Arc::new(shared),
            policy,
        }
    }
}
