//! RED metrics of a whole fleet, in Redis.
//!
//! # How it works
//!
//! Requests are counted in the process, in a [`Registry`]: no request ever
//! waits for Redis. Every few seconds a task ships what was added since the
//! last time, with one call of a script for all series together. The script
//! adds it to two windows, one that is 10 seconds wide and one of 10 minutes,
//! by the server's clock, so the clocks of the instances do not matter. Windows
//! expire by themselves: the last 20 minutes can be read from the fine windows,
//! and the last 3 days from the wide ones.
//!
//! # Counts are shipped exactly once
//!
//! Flushes are numbered, and the script remembers the last number that it has
//! counted of each instance. A flush without a reply is sent again unchanged
//! until there is a reply, and what is counted meanwhile goes into the next
//! one. So while Redis is unavailable, counts add up in the process without
//! taking more memory. They are shipped late, and are in the windows of the
//! time when they arrive.
//!
//! * A process that is killed loses what it has counted since its last flush:
//!   at most one interval, while Redis answers.
//! * A server that loses acknowledged writes (a crash without `appendfsync
//!   always`, or a failover to a replica that was behind) loses counts.
//! * An instance that could not reach Redis for 7 days may count one flush
//!   twice.
//!
//! # Example
//!
//! ```no_run
//! # async fn serve() -> Result<(), sluicegate::redis::Error> {
//! use sluicegate::{red, redis::Connection};
//!
//! let metrics = red::Registry::new();
//! let connection = Connection::connect("redis://127.0.0.1/").await?;
//! let fleet = red::Redis::new("orders", &metrics, &connection);
//! # let app: axum::Router = axum::Router::new();
//! let app = app.layer(red::RedLayer::server(&metrics));
//! // … serve, and then:
//! fleet.shutdown().await?;
//! # let _ = app;
//! # Ok(()) }
//! ```
//!
//! Another interval, a name for the instance, and a view of the last five
//! minutes that can be read without waiting:
//!
//! ```no_run
//! # async fn serve(metrics: sluicegate::red::Registry, connection: sluicegate::redis::Connection) {
//! # use std::time::Duration;
//! # use sluicegate::red;
//! let fleet = red::Redis::builder("orders", &metrics, &connection)
//!     .every(Duration::from_secs(10))
//!     .instance("pod-7")
//!     .build();
//! let watch = fleet.watch(Duration::from_secs(300), Duration::from_secs(15));
//! // Anywhere, at any time:
//! let failing = watch.latest().error_ratio().is_some_and(|ratio| ratio > 0.05);
//! # let _ = failing;
//! # }
//! ```
//!
//! # Handles and shutdown
//!
//! [`Redis`] is a handle, and clones share the task.
//! [`shutdown`](Redis::shutdown) makes the last flush and says whether
//! everything was shipped. If the last handle is dropped instead, the task
//! tries the same in the background, which only works if the process keeps
//! running.
//!
//! The task, and the reader behind a [`Watch`], run on a thread of this crate,
//! so they do not depend on the runtime that started them.
//!
//! Two that are made for the same registry and name are two instances that both
//! ship everything: make one and clone it.
//!
//! All futures here may be dropped. A flush that was under way is sent again.
//!
//! # Names, sizes and rights
//!
//! All keys begin with `<prefix>:{<name>}:red`, so they are in one slot of a
//! cluster, and all of them expire. Besides the windows there is a record for
//! each instance with its requests in flight. After three intervals without a
//! flush, these no longer count.
//!
//! A window holds a number for each bucket that is not empty, of the responses
//! and of the ends of each series, and a description of each series: about 90
//! bytes for each number. So its size depends on the series, not on the number
//! of instances.
//!
//! A flush is one call, and costs the server a few microseconds for each bucket
//! that has changed since the last one; `cargo test --test redis red::cost --
//! --nocapture` shows it. Meanwhile the server answers no other call. Where
//! thousands of series change all the time, use another server than that of the
//! limits. `sluicegate::redis` lists the rights that a user needs.
//!
//! # Differences from others
//!
//! * Prometheus scrapes each instance, and misses those that live shorter than
//!   the scrape interval. Here an instance makes its last flush itself.
//! * A push gateway keeps the last value of each instance. These are sums over
//!   all instances.
//! * Clients that add to Redis with each request make the request wait for it,
//!   and count twice what they retry.

use std::{fmt, sync::Arc, time::Duration};

use super::shipping::{shipper::Shipper, task::FlushTask};
use crate::{
    clock::Tick,
    red::Registry,
    redis::{Connection, Error},
    runtime::background,
};

pub use super::{
    builder::Builder,
    reading::{
        fleet::{Fleet, Instance},
        reader::Reader,
        watch::Watch,
    },
    shipping::stats::Stats,
};

/// Ships what a [`Registry`] counts to Redis, and reads what the fleet has
/// counted. See the [module docs](self).
#[derive(Clone)]
#[must_use = "it ends when it is dropped"]
pub struct Redis {
    /// Reads the same fleet that this handle ships to.
    pub(super) reader: Reader,
    pub(super) shipping: Arc<Shipping>,
}

/// The parts that end with the last handle.
#[derive(Debug)]
pub(crate) struct Shipping {
    pub(super) shipper: Arc<Shipper>,
    pub(super) task: FlushTask,
}

impl Redis {
    /// Ships what the registry has counted and will count to the fleet of this
    /// name, on the connection's prefix: every 5 seconds.
    pub fn new(name: &str, registry: &Registry, connection: &Connection) -> Self {
        Self::builder(name, registry, connection).build()
    }

    /// One that is still to be configured.
    pub fn builder(name: &str, registry: &Registry, connection: &Connection) -> Builder {
        Builder::new(name, registry, connection)
    }

    /// Returns the id of this instance.
    pub fn instance(&self) -> &str {
        &self.shipping.shipper.instance
    }

    /// Ships what was counted up to now, without waiting for the interval.
    ///
    /// # Errors
    ///
    /// Returns why Redis did not acknowledge the flush. Nothing is lost: it is
    /// sent again with the next flush.
    pub async fn flush(&self) -> Result<(), Error> {
        self.flush_at(None).await
    }

    /// Flushes at a given tick instead of the server's time.
    #[doc(hidden)]
    pub async fn flush_at(&self, now: Option<Tick>) -> Result<(), Error> {
        let shipper = Arc::clone(&self.shipping.shipper);
        // Other callers wait for the end of this flush, and this runtime may be
        // held up in the middle of it.
        let flush = background().spawn(async move { shipper.flush(now).await });
        flush.await.unwrap_or_else(|_| Err(Error::no_runtime()))
    }

    /// Makes the last flush: ends the task, and ships what was counted up to
    /// now. It tries for 5 seconds. Afterwards only [`flush`](Self::flush)
    /// ships.
    ///
    /// ```no_run
    /// # async fn stop(fleet: sluicegate::red::Redis) {
    /// if let Err(error) = fleet.shutdown().await {
    ///     eprintln!("{} requests were not shipped: {error}", fleet.stats().unshipped);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns why not everything was acknowledged. [`Stats::unshipped`] says
    /// how much was not.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.shipping.task.stop();
        self.shipping.shipper.finish().await
    }

    /// Returns how the flushes went up to now.
    pub fn stats(&self) -> Stats {
        self.shipping.shipper.stats()
    }

    /// Reads what the fleet has counted; see [`Reader::read`].
    ///
    /// # Errors
    ///
    /// As [`Reader::read`].
    pub async fn read(&self, span: Duration) -> Result<Fleet, Error> {
        self.reader.read(span).await
    }

    /// Reads the same again and again in the background; see [`Reader::watch`].
    ///
    /// # Panics
    ///
    /// As [`Reader::watch`].
    #[must_use = "it ends when it is dropped"]
    #[track_caller]
    pub fn watch(&self, span: Duration, every: Duration) -> Watch {
        self.reader.watch(span, every)
    }

    /// Returns the reader, for code that does not ship.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("instance", &self.instance())
            .finish_non_exhaustive()
    }
}
