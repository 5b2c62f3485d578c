//! What is counted beside requests: what the other parts of this crate do.
//!
//! There are two ways in. Who is told of events counts them on the path of a
//! request, as [`limiters`] and [`deadlines`] do; who counts by himself is
//! [sources](Sources), which costs nothing until somebody reads.

use std::fmt;

use crate::red::snapshot::Snapshot;

#[cfg(feature = "idempotency")]
use super::keys;
use super::{
    connections::ConnectionCounts, deadlines::Deadlines, limiters::Limiters,
    registries::RegistryCounts, sources::Sources,
};

/// What is counted beside requests.
#[derive(Default)]
pub(crate) struct Components {
    pub(super) limiters: Limiters,
    pub(super) deadlines: Deadlines,
    pub(super) connections: Sources<ConnectionCounts>,
    pub(super) registries: Sources<RegistryCounts>,
    #[cfg(feature = "idempotency")]
    pub(super) keys: keys::Keys,
}

impl Components {
    /// The part of a snapshot that is not about requests.
    pub(crate) fn read(&self) -> Snapshot {
        Snapshot {
            limiters: self.limiters.read(),
            deadlines: self.deadlines.read(),
            connections: self.connections.read(),
            registries: self.registries.read(),
            #[cfg(feature = "idempotency")]
            keys: self.keys.read(),
            ..Snapshot::default()
        }
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Components").finish_non_exhaustive()
    }
}
