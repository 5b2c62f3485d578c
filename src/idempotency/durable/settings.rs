//! The settings of a durable store, as the builder sets them.

use super::time::{ClockFn, clock_fn};
use crate::clock::{Monotonic, Wall};

/// The settings, which are needed again when the store is reopened.
#[derive(Clone)]
pub(super) struct DurableSettings {
    /// The bytes that all records may take together.
    pub(super) capacity: u64,
    /// Which calls wait for the disk.
    pub(super) fsync: Fsync,
    /// The clock while the store is open.
    pub(super) clock: ClockFn,
    /// The clock that shows how long the store was closed.
    pub(super) wall: ClockFn,
}

impl Default for DurableSettings {
    fn default() -> Self {
        Self {
            capacity: 1 << 30,
            fsync: Fsync::default(),
            clock: clock_fn(Monotonic::new()),
            wall: clock_fn(Wall),
        }
    }
}

/// Which calls return only when the disk has the data, and not the operating
/// system alone.
///
/// It matters if the machine crashes: data that the operating system has
/// outlives the process in any case. Renewals and releases never wait for the
/// disk, because the holders crash with the machine, and a lease that reappears
/// lapses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fsync {
    /// Claims and completions. After a crash of the machine, all work that had
    /// begun is known, and all responses are repeated unchanged.
    #[default]
    Always,
    /// Completions: all responses are repeated unchanged. Work that had begun
    /// in the last seconds before a crash of the machine may be forgotten. It
    /// runs again then, even with
    /// [`Refuse`](crate::idempotency::Takeover::Refuse).
    Completions,
    /// No calls. A crash of the machine may lose the last seconds.
    Never,
}

impl Fsync {
    /// Returns whether a claim waits for the disk.
    pub(super) fn claims(self) -> bool {
        self == Self::Always
    }

    /// Returns whether a completion waits for the disk.
    pub(super) fn completions(self) -> bool {
        self != Self::Never
    }
}
