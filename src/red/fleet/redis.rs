//! RED metrics of a whole fleet, in Redis.
//!
//! # How it works
//!
//! Requests are counted in the process, in a [`Registry`], and nowhere else: none
//! ever waits for Redis. A task tells Redis every few seconds how much has been
//! added since the last time, by one call of a script for all series together.
//! The script adds it to the windows of the present, by the server's clock, so
//! that it does not matter what time the instances think it is: to one that is 10
//! seconds wide, and to one of 10 minutes. Windows go by themselves, so that the
//! last 20 minutes can be read in the finer ones, and the last 3 days in the
//! others.
//!
//! # Nothing is lost, and nothing counted twice
//!
//! Flushes are numbered, and the script remembers which number of an instance it
//! has counted last. A flush without an answer is brought again as it was, until
//! there is one; what is counted meanwhile goes into the next. So while Redis is
//! away counts add up in the process, and take no more memory there. What was
//! counted is told late then, and is in the windows of the time when it is told.
//!
//! * A process that is killed loses what it has counted since its last flush: an
//!   interval at most, while Redis answers.
//! * A server that loses what it has acknowledged (a crash without
//!   `appendfsync always`, a failover before the replica had it) loses counts.
//! * An instance that could not reach Redis for 7 days may count one flush twice.
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
//! Another interval, a name for the instance, and a view of the last five minutes
//! for those who cannot wait:
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
//! # Handles, and their end
//!
//! [`Redis`] is a handle, and clones share the task. [`shutdown`](Redis::shutdown)
//! makes the last flush, and says whether all was shipped. When the last handle is
//! dropped instead, the task tries the same in the background, which takes a process
//! that goes on for so long.
//!
//! The task, and what reads for a [`Watch`], run on a thread of this crate's own, so
//! that it does not matter which runtime they were begun on, and what becomes of that.
//!
//! Two that are made for one registry and one name are two instances, and both
//! ship all of it: make one, and clone it.
//!
//! All futures here may be dropped: a flush that was under way is brought again.
//!
//! # Names, sizes and rights
//!
//! All keys begin with `<prefix>:{<name>}:red`, and so are in one slot of a
//! cluster; all expire. Besides the windows there is a record for each instance,
//! with what it has in flight. After three intervals of silence that does not
//! count any more.
//!
//! A window holds a number for each bucket that anything was in, of the responses
//! and of the ends of each series, and what these are about: some 90 bytes for
//! each number. So it is as large as the series make it, however many instances
//! there are.
//!
//! A flush is one call, and it costs the server a few microseconds for each bucket
//! that has changed since the last one; `cargo test -p tests --test redis red::cost --
//! --nocapture` shows it. While it runs the server answers nobody else: where
//! thousands of series change all the time, give them a server other than that of
//! the limits. A user needs the rights that `sluicegate::redis` lists.
//!
//! # Differences from others
//!
//! * Prometheus asks each instance, and misses those that live shorter than it
//!   takes to ask; here the last flush is the instance's own.
//! * A push gateway keeps the last value that it was told of each instance; these
//!   are sums over all.
//! * Clients that add to Redis with each request make it wait for that, and count
//!   twice what they try again.

use std::{fmt, sync::Arc, time::Duration};

use crate::red::registry::Registry;
use crate::{
    clock::Tick,
    redis::{Connection, Error},
    runtime::background,
};

use super::shipping::{shipper::Shipper, task::FlushTask};
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
    pub(super) reader: Reader,
    pub(super) shipping: Arc<Shipping>,
}

/// What ends with the last handle.
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

    /// The id of this instance.
    pub fn instance(&self) -> &str {
        &self.shipping.shipper.instance
    }

    /// Ships what was counted up to now, without waiting for the interval.
    ///
    /// # Errors
    ///
    /// Why Redis did not acknowledge it. Nothing is lost: it is tried again with
    /// the next flush.
    pub async fn flush(&self) -> Result<(), Error> {
        self.flush_at(None).await
    }

    #[doc(hidden)]
    pub async fn flush_at(&self, now: Option<Tick>) -> Result<(), Error> {
        let shipper = Arc::clone(&self.shipping.shipper);
        // Others wait for its end, and this runtime may be held up in the midst of it.
        let flush = background().spawn(async move { shipper.flush(now).await });
        flush.await.unwrap_or_else(|_| Err(Error::no_runtime()))
    }

    /// The last flush: ends the task, and ships what was counted up to now. It is
    /// tried for 5 seconds. From then on only [`flush`](Self::flush) ships.
    ///
    /// # Errors
    ///
    /// Why not all of it was acknowledged; [`Stats::unshipped`] says how much.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.shipping.task.stop();
        self.shipping.shipper.finish().await
    }

    /// What became of flushes up to now.
    pub fn stats(&self) -> Stats {
        self.shipping.shipper.stats()
    }

    /// What the fleet has counted; see [`Reader::read`].
    ///
    /// # Errors
    ///
    /// As [`Reader::read`].
    pub async fn read(&self, span: Duration) -> Result<Fleet, Error> {
        self.reader.read(span).await
    }

    /// The same, read in the background; see [`Reader::watch`].
    ///
    /// # Panics
    ///
    /// As [`Reader::watch`].
    #[must_use = "it ends when it is dropped"]
    #[track_caller]
    pub fn watch(&self, span: Duration, every: Duration) -> Watch {
        self.reader.watch(span, every)
    }

    /// What reads, for who does not ship.
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
