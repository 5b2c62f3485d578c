//! Everything that a registry counts beside requests.

use std::fmt;

#[cfg(feature = "redis")]
use super::connections::ConnectionCounts;
use super::{deadlines::Deadlines, limiters::Limiters, sources::Sources};
use crate::{deadline::registry::Counts, red::Snapshot};

/// Everything that a registry counts beside requests.
#[derive(Default)]
pub(crate) struct Components {
    /// Decisions of limiters, and what they ask of Redis.
    pub(crate) limiters: Limiters,
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
}

impl Components {
    /// Reads the part of a snapshot that is not about requests.
    pub(crate) fn read(&self) -> Snapshot {
        Snapshot {
            limiters: self.limiters.read(),
            deadlines: self.deadlines.read(),
            #[cfg(feature = "redis")]
            connections: self.connections.read(),
            registries: self.registries.read(),
            #[cfg(feature = "idempotency")]
            keys: Some(self.keys.snapshot()).filter(|keys| *keys != Default::default()),
            ..Snapshot::default()
        }
    }
}

impl fmt::Debug for Components {
    debug_opaque!(Components);
}
