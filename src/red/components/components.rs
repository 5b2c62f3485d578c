//! Everything that a registry counts beside requests.

use std::fmt;

#[cfg(feature = "redis")]
use super::connections::ConnectionCounts;
use super::{
    concurrency::ConcurrencyLimits, deadlines::Deadlines, drains::Drains, limiters::Limiters,
    sources::Sources,
};
use crate::{deadline::registry::Counts, red::Snapshot};

/// Everything that a registry counts beside requests.
#[derive(Default)]
pub(crate) struct Components {
    /// Decisions of limiters, and what they ask of Redis.
    pub(crate) limiters: Limiters,
    /// Requests at limits of concurrency.
    pub(crate) concurrency: ConcurrencyLimits,
    /// The drain of this process.
    pub(crate) drains: Drains,
    /// Events of the layers for deadlines.
    pub(crate) deadlines: Deadlines,
    /// Connections to Redis.
    #[cfg(feature = "redis")]
    pub(crate) connections: Sources<ConnectionCounts>,
    /// Registries of deadlines.
    pub(crate) registries: Sources<Counts>,
    /// Idempotency keys. One set of counters is enough, because the work behind
    /// a key costs much more than a contended cache line.
    #[cfg(feature = "idempotency")]
    pub(crate) keys: crate::idempotency::Counts,
    /// Attempts of calls. Every call is counted while it waits, so the counters
    /// are striped.
    #[cfg(feature = "client")]
    pub(crate) retries: crate::stripes::Striped<crate::client::retry::Counts>,
}

impl Components {
    /// Reads the part of a snapshot that is not about requests.
    pub(crate) fn read(&self) -> Snapshot {
        Snapshot {
            limiters: self.limiters.read(),
            concurrency: self.concurrency.read(),
            drain: self.drains.read(),
            deadlines: self.deadlines.read(),
            #[cfg(feature = "redis")]
            connections: self.connections.read(),
            registries: self.registries.read(),
            #[cfg(feature = "idempotency")]
            keys: Some(self.keys.snapshot()).filter(|keys| *keys != Default::default()),
            #[cfg(feature = "client")]
            retries: self.read_retries(),
            ..Snapshot::default()
        }
    }

    #[cfg(feature = "client")]
    fn read_retries(&self) -> Option<crate::client::retry::Snapshot> {
        let stripes = self.retries.all();
        let counts = stripes.map(crate::client::retry::Counts::snapshot).sum();
        Some(counts).filter(|counts| *counts != Default::default())
    }
}

impl fmt::Debug for Components {
    debug_opaque!(Components);
}
