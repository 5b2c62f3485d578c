//! The events of a search of holds.

use sluicegate::clock::Tick;

/// The moves of a search. Those that are not named here, holds, settlements and
/// time, are always there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The instants at which something happens, since the base.
    pub(crate) instants: Vec<Tick>,
    /// How long a hold is kept.
    pub(crate) term: Tick,
    /// The estimates of holds.
    pub(crate) estimates: Vec<u8>,
    /// What they are settled for.
    pub(crate) actuals: Vec<u8>,
    /// How many holds are made at most while others are open.
    pub(crate) holds: u8,
    /// The costs of charges that may be taken back.
    pub(crate) charges: Vec<u8>,
    /// The costs of exact checks.
    pub(crate) checks: Vec<u8>,
    pub(crate) credits: Vec<u8>,
    pub(crate) resets: bool,
    /// A process leases shares of the bucket, spends them and returns them.
    pub(crate) leases: bool,
    /// Whether orphans are given back, or kept, or either.
    pub(crate) gives_back: Vec<bool>,
    /// How many rare events there are at most.
    pub(crate) events: u8,
    /// Holders are gone before they settle.
    pub(crate) crashes: bool,
    /// Settlements arrive later than they were sent.
    pub(crate) delays: bool,
    /// Settlements arrive a second time.
    pub(crate) repeats: bool,
    /// By how much the server's clock steps back, once for each.
    pub(crate) steps_back: Vec<Tick>,
    /// Checks and holds are made together with another limit, by one call.
    pub(crate) together: bool,
    /// How many holds of a bucket the script keeps, if not as many as the crate
    /// lets it.
    pub(crate) max_holds: Option<u8>,
}
