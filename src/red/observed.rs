//! What is counted beside requests: what the other parts of this crate do.
//!
//! There are two ways in. Who is told of events counts them on the path of a
//! request, as [`limiters`] and [`deadlines`] do; who counts by himself is
//! [watched](Watched), which costs nothing until somebody reads.

use std::fmt;

use super::snapshot::Snapshot;

mod connections;
mod deadlines;
#[cfg(feature = "idempotency")]
mod keys;
mod limiters;
mod names;
mod registries;
mod striped;
mod watched;

pub use self::{
    connections::{ConnectionCounts, LaneCounts},
    deadlines::DeadlineCounts,
    limiters::{Coalescing, LimiterCounts},
    registries::RegistryCounts,
};
use self::{deadlines::Deadlines, limiters::Limiters, watched::Watched};

/// What is counted beside requests.
#[derive(Default)]
pub(super) struct Observed {
    limiters: Limiters,
    deadlines: Deadlines,
    connections: Watched<ConnectionCounts>,
    registries: Watched<RegistryCounts>,
    #[cfg(feature = "idempotency")]
    keys: keys::Keys,
}

impl Observed {
    /// The part of a snapshot that is not about requests.
    pub(super) fn read(&self) -> Snapshot {
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

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
