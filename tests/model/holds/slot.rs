//! A hold, as the rest of the world knows it.

use sluicegate::{
    clock::Tick,
    limit::testing::{GivenBack, HoldRecord, HoldRequest, UndoRequest},
};

/// A hold from its request until no message about it can come any more; or a charge
/// that may be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) cost: u8,
    pub(crate) gives_back: bool,
    /// When it was charged, by the server's clock.
    pub(crate) at: Tick,
    pub(crate) mark: u64,
    pub(crate) given_back: GivenBack,
    /// Whether it is in the set of the script; else its holder settles it like any
    /// other charge.
    pub(crate) is_kept: bool,
    /// Whether it is a charge of several limits, which is taken back as a whole.
    pub(crate) is_undone: bool,
    pub(crate) phase: Phase,
    pub(crate) holder: Holder,
    /// Which event of the history is its charge; `None` if that is gone.
    pub(crate) event: Option<u8>,
    pub(crate) since: Since,
}

/// What came to the bucket since a hold, the worst of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Since {
    Nothing,
    Charges,
    Credits,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
    Open,
    Settled,
    Lapsed,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Holder {
    Works,
    /// Its settlement is under way.
    HasSent(u8),
    Gone,
}

impl Slot {
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether nothing comes of it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.holder == Holder::Gone && !(self.is_kept && self.is_open())
    }

    pub(crate) fn ends(&self, term: Tick) -> Tick {
        self.at + term
    }

    /// The record that its holder sends, of the hold with this number.
    pub(crate) fn record(&self, id: usize, term: Tick) -> HoldRecord {
        HoldRecord {
            request: request(id, self.cost, self.gives_back, term),
            at: self.at,
            mark: self.mark,
            given_back: self.given_back,
        }
    }

    /// The request to take back so much of it.
    pub(crate) fn undo(&self, cost: u8) -> UndoRequest {
        UndoRequest {
            cost: cost.into(),
            at: self.at,
            mark: self.mark,
            given_back: self.given_back,
        }
    }
}

pub(crate) fn request(id: usize, cost: u8, gives_back: bool, term: Tick) -> HoldRequest {
    HoldRequest {
        cost: cost.into(),
        max_wait: 0,
        term,
        gives_back,
        id: id as u64,
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            cost,
            mark,
            given_back,
            phase,
            holder,
            ..
        } = self;
        write!(f, "{cost} ({mark} {given_back:?}) {phase:?} {holder:?}")
    }
}
