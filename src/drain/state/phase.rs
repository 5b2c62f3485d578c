//! The phases of the state machine: the stages, of which cancelling has two.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use crate::drain::Stage;

/// A step of a drain. The stage of cancelling has two: first handlers are told,
/// and then streams that have not ended get their last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    LameDuck,
    Draining,
    /// Cancellations have fired.
    Told,
    /// Streams end.
    LastWords,
    Aborting,
    Ended,
}

impl Phase {
    /// All phases, in their order.
    pub(crate) const ALL: [Self; 7] = [
        Self::Serving,
        Self::LameDuck,
        Self::Draining,
        Self::Told,
        Self::LastWords,
        Self::Aborting,
        Self::Ended,
    ];

    /// Returns the stage that this is a part of.
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Serving => Stage::Serving,
            Self::LameDuck => Stage::LameDuck,
            Self::Draining => Stage::Draining,
            Self::Told | Self::LastWords => Stage::Cancelling,
            Self::Aborting => Stage::Aborting,
            Self::Ended => Stage::Ended,
        }
    }
}

/// The phase, as requests read it without a lock.
#[derive(Debug)]
pub(crate) struct AtomicPhase(AtomicU8);

impl AtomicPhase {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(Phase::Serving as u8))
    }

    #[inline]
    pub(crate) fn load(&self) -> Phase {
        let number = usize::from(self.0.load(SeqCst));
        // Only numbers of phases are stored.
        Phase::ALL.get(number).copied().unwrap_or(Phase::Ended)
    }

    pub(crate) fn store(&self, phase: Phase) {
        self.0.store(phase as u8, SeqCst);
    }
}
