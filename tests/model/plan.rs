//! The events of a search, and their instants.

use sluicegate::{clock::Tick, limit::Cost};

/// When a search begins: at the beginning of a term, and of any window that
/// divides an hour.
pub(crate) const BASE: Tick = 472_222 * 3_600_000_000;

pub(crate) const SECOND: Tick = 1_000_000;

/// The moves of a search. Those that are not named here, spending and time, are
/// always there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The instants at which something happens, since [`BASE`].
    pub(crate) instants: Vec<Tick>,
    /// How much a holder asks for.
    pub(crate) wants: Vec<Cost>,
    /// The costs of exact checks.
    pub(crate) checks: Vec<Cost>,
    /// How many events there are at most: crashes, losses, delays, charges that
    /// may be undone, resets, credits and debits.
    pub(crate) events: u8,
    pub(crate) credits: Vec<Cost>,
    pub(crate) debits: Vec<Cost>,
    pub(crate) resets: bool,
    /// Checks of this cost that may be undone later.
    pub(crate) charges: Vec<Cost>,
    /// A holder forgets its share.
    pub(crate) crashes: bool,
    /// A granted share never arrives.
    pub(crate) losses: bool,
    /// One message at a time arrives later than it was sent.
    pub(crate) delays: bool,
    /// By how much the server's clock steps back, once for each.
    pub(crate) steps_back: Vec<Tick>,
    /// Checks go to several limits at once.
    pub(crate) together: bool,
    /// Calls bring their instant along, as replays do; else the script asks for
    /// the server's time.
    pub(crate) given: bool,
    /// Calls let the script decide checks without the rule, as those of a
    /// limiter do; else it always takes the long way.
    pub(crate) shortcut: bool,
}

/// Every `step`, and the last instant before each multiple of `term`.
pub(crate) fn instants(step: Tick, until: Tick, term: Tick) -> Vec<Tick> {
    let mut instants: Vec<_> = (0..=until).step_by(step as usize).collect();
    let ends = (term..=until).step_by(term as usize);
    instants.extend(ends.map(|end| end - 1));
    instants.sort_unstable();
    instants
}
