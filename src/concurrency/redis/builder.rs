//! The settings of a limiter of a fleet.

use std::{sync::Arc, time::Duration};

use super::{
    fleet::{KnownInstances, announce},
    keys::LeasedKeys,
    lease::{LeaseTerms, OnOutage},
    leased_limit::LeasedLimit,
    log::LeaseLog,
    outbox::Outbox,
    redis::{Instance, LeasedLimits, Redis},
    script::LeaseCaller,
    shared::LeaseContext,
    tend::tend,
};
use crate::{
    clock::ticks,
    concurrency::{
        gate::{GateSettings, Queue, Reserves},
        local::valid_limit,
        observe::Observe,
    },
    criticality::Criticality,
    error::{InvalidSetting, valid},
    key::EncodedKey,
    limit::{Direct, Keyed},
    random,
    redis::{Connection, Lane},
    runtime::background,
};

/// How long a lease lasts, unless set.
const DEFAULT_LEASE: Duration = Duration::from_secs(2);

/// The shortest and the longest lease.
const MIN_LEASE: Duration = Duration::from_millis(100);
const MAX_LEASE: Duration = Duration::from_secs(60);

/// A lease ends here early by one part in so many of its length.
const MARGIN_FRACTION: u64 = 10;

/// Builds a [`Redis`] with more settings than its limit.
///
/// ```no_run
/// # fn example(connection: &sluicegate::redis::Connection) {
/// use std::time::Duration;
/// use sluicegate::concurrency::{OnOutage, Queue, Redis};
///
/// let permits = Redis::builder("db", 500, connection)
///     .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
///     .lease(Duration::from_secs(5))
///     .on_outage(OnOutage::Closed)
///     .build();
/// # let _ = permits;
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisBuilder {
    name: Arc<str>,
    limit: u32,
    connection: Connection,
    queue: Queue,
    reserves: Reserves,
    lease: Duration,
    on_outage: OnOutage,
    /// The least number of instances that is assumed.
    instances: u32,
    /// The start of the instance's id, with a colon; empty unless set.
    instance: String,
    observer: Option<Arc<dyn Observe>>,
}

impl RedisBuilder {
    /// The connection is switched to the lane of limits.
    #[track_caller]
    pub(super) fn new(name: &str, limit: u32, connection: &Connection) -> Self {
        Self {
            name: name.into(),
            limit: valid_limit(limit),
            connection: connection.on(Lane::Limits),
            queue: Queue::none(),
            reserves: Reserves::default(),
            lease: DEFAULT_LEASE,
            on_outage: OnOutage::default(),
            instances: 0,
            instance: String::new(),
            observer: None,
        }
    }

    /// Sets where requests wait for a permit; nowhere unless it is set. The
    /// queue is that of this instance, and with keys each has its own.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }

    /// Keeps a share of the permits that this instance has, such as 0.2, for
    /// requests of this level and above; see
    /// [`LocalBuilder::reserve`](crate::concurrency::LocalBuilder::reserve).
    ///
    /// # Panics
    ///
    /// If the level is `Sheddable`, above which all are, the share is not above 0,
    /// or all shares together are not below 1.
    #[track_caller]
    pub fn reserve(mut self, level: Criticality, share: f64) -> Self {
        self.reserves = valid(self.reserves.with_share(level, share));
        self
    }

    /// Sets how long a lease lasts: 2 s unless it is set. It is renewed after a
    /// third of that. The permits of an instance that crashes are lost for as
    /// long; an outage of Redis that is shorter than half of it is not noticed.
    ///
    /// # Panics
    ///
    /// If it is less than 100 ms or more than a minute.
    #[track_caller]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = valid(match (MIN_LEASE..=MAX_LEASE).contains(&lease) {
            true => Ok(lease),
            false => Err(InvalidSetting::new(
                "lease",
                format_args!("{lease:?}"),
                "100 ms to 60 s",
            )),
        });
        self
    }

    /// Sets what this instance does when Redis does not answer:
    /// [`OnOutage::LocalShare`] unless it is set.
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// Sets the least number of instances that share the limit in an outage.
    /// Unless it is set, an instance that was started in an outage refuses all
    /// requests, because Redis has not told it the number.
    pub fn instances(mut self, at_least: u32) -> Self {
        self.instances = at_least;
        self
    }

    /// Sets what the id of this instance begins with, such as the name of its
    /// pod, so that operators see who holds permits. The rest of the id is
    /// random, so that a process that was restarted is never taken for its
    /// predecessor.
    pub fn instance(mut self, name: &str) -> Self {
        self.instance = format!("{}:", EncodedKey::of(name));
        self
    }

    /// Notifies this observer of requests that outlive their lease; see
    /// [`Observe::outlived`]. A second call replaces the first observer.
    pub fn observe(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Builds a limiter with one limit.
    pub fn build(self) -> Redis<Direct> {
        let shared = self.shared();
        let (prefix, name) = (self.connection.prefix(), EncodedKey::of(&*self.name));
        let key = format!("{prefix}:{{{name}}}:permits");
        let limit = LeasedLimit::new(key.into_bytes(), &shared, 0);
        background().spawn(tend(limit.clone(), None));
        Redis::of(Instance {
            name: self.name,
            shared,
            limits: LeasedLimits::One(limit),
        })
    }

    /// Builds a limiter with a limit for each key.
    pub fn build_keyed(self) -> Redis<Keyed> {
        let shared = self.shared();
        let keys = LeasedKeys::new(self.name.clone(), shared.clone());
        Redis::of(Instance {
            name: self.name,
            shared,
            limits: LeasedLimits::OfKeys(keys),
        })
    }

    /// Makes what all limits have in common, and tells the fleet of this
    /// instance.
    pub(super) fn shared(&self) -> Arc<LeaseContext> {
        let length = ticks(self.lease);
        let id = u128::from_ne_bytes(random::bytes());
        let caller = LeaseCaller {
            id: format!("{}{id:032x}", self.instance),
            limit: self.limit,
            length,
        };
        let terms = LeaseTerms {
            length,
            margin: length / MARGIN_FRACTION,
            most: self.limit,
            on_outage: self.on_outage,
        };
        let gates = GateSettings {
            queue: self.queue,
            reserves: self.reserves,
            owner: None,
        };
        let fleet = KnownInstances::new(&self.name, &self.connection, self.instances);
        let outbox = Outbox::new(self.connection.clone(), caller, fleet);
        let log = LeaseLog::new(self.name.clone());
        let shared = LeaseContext::new(outbox, terms, gates, log, self.observer.clone());
        announce(&shared);
        shared
    }
}
