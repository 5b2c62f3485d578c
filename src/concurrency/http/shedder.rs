//! Moves the cut-off of the limiter by what the layer sees of its requests.

use std::{
    fmt,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    clock::{Clock, Tokio, ticks},
    concurrency::{
        priority::{CutOff, CutOffController, Rank},
        shed::Shed,
    },
};

/// The controller of a layer, and the cut-off that it has set last.
pub(super) struct Shedder {
    clock: Tokio,
    controller: CutOffController,
    cut_off: AtomicU16,
}

impl Shedder {
    pub(super) fn new(settings: CutOff) -> Self {
        let clock = Tokio::new();
        Self {
            controller: CutOffController::new(settings, clock.now()),
            clock,
            cut_off: AtomicU16::new(Rank::LOWEST.index()),
        }
    }

    /// Counts an arrival. Returns the cut-off if it moves before it.
    #[inline]
    pub(super) fn arrived(&self, rank: Rank) -> Option<Rank> {
        let next = self.controller.arrived(rank, self.clock.now())?;
        let before = self.cut_off.swap(next.index(), Relaxed);
        (before != next.index()).then_some(next)
    }

    /// Counts a request that has its permit.
    #[inline]
    pub(super) fn admitted(&self, rank: Rank, waited: Duration) {
        self.controller.admitted(rank, ticks(waited));
    }

    /// Counts a refusal, unless it is one by the cut-off itself.
    pub(super) fn refused(&self, rank: Rank, shed: Shed, waited: Duration) {
        if shed != Shed::CutOff {
            self.controller.refused(rank, ticks(waited));
        }
    }
}

impl fmt::Debug for Shedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut_off = Rank::at(self.cut_off.load(Relaxed));
        f.debug_struct("Shedder")
            .field("cut_off", &cut_off)
            .finish_non_exhaustive()
    }
}
