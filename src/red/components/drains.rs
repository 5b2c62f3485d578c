//! Counters for the drain of this process.

use std::sync::Weak;

use crate::{
    drain::{self, Drain, DrainState, Stage},
    sync::{Mutex, lock},
};

/// The events of a drain, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainCounts {
    /// The events.
    pub noticed: drain::Snapshot,
    /// Its stage, and the requests and guards in flight, if the registry was
    /// given the drain.
    pub now: Option<(Stage, usize)>,
}

/// Counters for what a drain notices.
#[derive(Default)]
pub(crate) struct Drains {
    counts: drain::Counts,
    /// Weak, because the registry may be the observer of the drain.
    source: Mutex<Weak<DrainState>>,
}

impl Drains {
    /// Counts an event.
    pub(crate) fn notice(&self, event: &drain::Event) {
        drain::Observe::noticed(&self.counts, event);
    }

    /// Sets the drain whose stage is shown.
    pub(crate) fn set(&self, drain: &Drain) {
        *lock(&self.source) = drain.downgrade();
    }

    /// Returns `None` without a drain.
    pub(crate) fn read(&self) -> Option<DrainCounts> {
        let noticed = self.counts.snapshot();
        let state = lock(&self.source).upgrade();
        let now = state.map(|state| (state.stage(), state.in_flight.len()));
        let is_used = now.is_some() || noticed != drain::Snapshot::default();
        is_used.then_some(DrainCounts { noticed, now })
    }
}
