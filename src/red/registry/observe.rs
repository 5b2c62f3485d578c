//! A registry as the observer of limiters, drains, deadlines and idempotency keys, and
//! the sources that it reads for a snapshot.

use super::registry::Registry;
use crate::{concurrency, deadline, drain, limit};
#[cfg(feature = "redis")]
use crate::{red::components::ConnectionCounts, redis::Connection};

/// Counts the decisions of limiters: give it to the layer, and to the limiter.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, red::Registry};
///
/// let metrics = Registry::new();
/// let observer = Arc::new(metrics.clone());
/// let limiter = Local::builder(TokenBucket::new(Quota::per_second(10)))
///     .observe(observer.clone())
///     .direct();
/// let layer = RateLimitLayer::new(limiter).observe(observer);
/// # let _ = layer;
/// ```
impl limit::Observe for Registry {
    fn decided(&self, event: &limit::Event<'_>) {
        let limiters = &self.components().limiters;
        limiters.of(event.limiter).decided(event);
    }

    fn forgotten(&self, limiter: &str) {
        self.components().limiters.of(limiter).forgotten(limiter);
    }

    fn fell_back(&self, limiter: &str) {
        self.components().limiters.of(limiter).fell_back(limiter);
    }
}

/// Counts the requests at limits of concurrency: give it to the layer, and
/// [show](Registry::concurrency) it the limit.
impl concurrency::Observe for Registry {
    fn decided(&self, event: &concurrency::Event<'_>) {
        self.components().concurrency.notice(event);
    }
}

/// Counts the requests that end during a drain: give it to the drain, and
/// [show](Registry::drain) it the drain.
impl drain::Observe for Registry {
    fn noticed(&self, event: &drain::Event) {
        self.components().drains.notice(event);
    }
}

/// Counts the events of deadlines: give it to the layers.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{deadline::EnforceDeadlineLayer, red::Registry};
///
/// let metrics = Registry::new();
/// let layer = EnforceDeadlineLayer::new().observe(Arc::new(metrics.clone()));
/// # let _ = layer;
/// ```
impl deadline::Observe for Registry {
    fn noticed(&self, event: &deadline::Event) {
        self.components().deadlines.notice(event);
    }
}

/// Counts the events of idempotency keys: give it to the layer, or to a
/// claimant.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{idempotency::{IdempotencyLayer, Local}, key, red::Registry};
///
/// let metrics = Registry::new();
/// let layer = IdempotencyLayer::new(Local::new())
///     .principal(key::header("x-api-key"))
///     .observe(Arc::new(metrics.clone()));
/// # let _ = layer;
/// ```
#[cfg(feature = "idempotency")]
#[cfg_attr(docsrs, doc(cfg(feature = "idempotency")))]
impl crate::idempotency::Observe for Registry {
    fn noticed(&self, event: &crate::idempotency::Event) {
        self.components().keys.noticed(event);
    }
}

/// Counts the attempts of calls: give it to a
/// [`RetryLayer`](crate::client::RetryLayer).
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{client::RetryLayer, red::Registry};
///
/// let metrics = Registry::new();
/// let layer = RetryLayer::new().observe(Arc::new(metrics.clone()));
/// # let _ = layer;
/// ```
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
impl crate::client::retry::Observe for Registry {
    fn noticed(&self, event: &crate::client::retry::Event) {
        self.components().retries.own().noticed(event);
    }
}

impl Registry {
    /// Exports the limit, the permits in flight, the queue and the cut-off of a
    /// limit of concurrency, the durations by which an adaptive limit was found,
    /// and the leases of a limit in Redis; beside the requests that the layer
    /// tells this registry as its observer.
    ///
    /// It does not keep a limiter in Redis alive. A later limit with the same
    /// name replaces it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::{concurrency::{ConcurrencyLayer, Local}, red::Registry};
    ///
    /// let metrics = Registry::new();
    /// let permits = Local::builder(100).name("api").build();
    /// metrics.concurrency(&permits);
    /// let layer = ConcurrencyLayer::new(permits).observe(Arc::new(metrics.clone()));
    /// # let _ = layer;
    /// ```
    pub fn concurrency(&self, limit: &impl concurrency::Watch) {
        let limits = &self.components().concurrency.limits;
        limits.set(limit.label(), limit.watch());
    }

    /// Exports the stage of a drain, and how many requests are in flight; beside
    /// the events that it tells this registry as its observer.
    ///
    /// It does not keep the drain alive. A later drain replaces it. A server
    /// that drains accepts no connections, so let Prometheus scrape another
    /// port, whose server ends after the drain.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::{drain::Drain, red::Registry};
    ///
    /// let metrics = Registry::new();
    /// let drain = Drain::builder().observe(Arc::new(metrics.clone())).build();
    /// metrics.drain(&drain);
    /// ```
    pub fn drain(&self, drain: &drain::Drain) {
        self.components().drains.set(drain);
    }

    /// Exports what a [registry of deadlines](deadline::Registry) counts, under
    /// this name.
    ///
    /// It keeps a handle of the registry of deadlines. A later one with the
    /// same name replaces it.
    ///
    /// ```
    /// use sluicegate::{deadline, red::Registry};
    ///
    /// let metrics = Registry::new();
    /// metrics.deadline_registry("jobs", &deadline::Registry::local());
    /// ```
    pub fn deadline_registry(&self, name: &str, registry: &deadline::Registry) {
        let registry = registry.clone();
        let read = move || registry.counts();
        self.components().registries.set(name, read);
    }
}

#[cfg(feature = "redis")]
impl Registry {
    /// Exports what a connection to Redis counts, under this name.
    ///
    /// It keeps a handle of the connection. A later one with the same name
    /// replaces it.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), sluicegate::redis::Error> {
    /// use sluicegate::{red::Registry, redis::Connection};
    ///
    /// let metrics = Registry::new();
    /// let connection = Connection::connect("redis://127.0.0.1/").await?;
    /// metrics.connection("main", &connection);
    /// # Ok(()) }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn connection(&self, name: &str, connection: &Connection) {
        let connection = connection.clone();
        let read = move || ConnectionCounts::read(&connection);
        self.components().connections.set(name, read);
    }

    /// Exports what a limiter asks of Redis, beside the decisions that it tells
    /// this registry as its observer.
    ///
    /// It does not keep the limiter alive, but its counts stay. A later limiter
    /// with the same name replaces it.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), sluicegate::redis::Error> {
    /// use std::sync::Arc;
    /// use sluicegate::{
    ///     limit::{FailOpen, Quota, Redis, TokenBucket},
    ///     red::Registry,
    ///     redis::Connection,
    /// };
    ///
    /// let metrics = Registry::new();
    /// let connection = Connection::connect("redis://127.0.0.1/").await?;
    /// let limiter = Redis::builder("api", TokenBucket::new(Quota::per_second(10)), &connection)
    ///     .observe(Arc::new(metrics.clone()))
    ///     .build(FailOpen);
    /// metrics.limiter(&limiter);
    /// # Ok(()) }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn limiter<R: limit::Scripted, P: limit::Policy>(&self, limiter: &limit::Redis<R, P>) {
        let limiters = &self.components().limiters;
        limiters.redis.set(limiter.label(), limiter.watch());
    }
}
