//! The part of a limit that is in use at one time. Events and metrics show it.

use std::ops::Add;

use crate::{concurrency::priority::Rank, criticality::Criticality};

/// The limit and the permits in flight, of one key, at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// The limit.
    pub limit: u32,
    /// The permits in flight. More than the limit for a while after that has
    /// shrunk.
    pub in_flight: u32,
}

/// The part of a limit that is in use at one time; of all its keys, if it has
/// keys.
///
/// ```
/// use sluicegate::concurrency::{Ask, Local};
///
/// let permits = Local::builder(100).name("api").build();
/// let permit = permits.acquire(Ask::new());
/// let usage = permits.usage();
/// assert_eq!((usage.limit, usage.in_flight, usage.queued()), (100, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The limit: the sum of those of all keys in use.
    pub limit: u32,
    /// The permits in flight. More than the limit for a while after that has
    /// shrunk.
    pub in_flight: u32,
    /// The lowest rank that passes.
    pub cut_off: Rank,
    /// The waiting requests of each level, in the order of
    /// [`Criticality::ALL`].
    pub queued_by_level: [usize; Criticality::ALL.len()],
}

impl Usage {
    /// Nothing in use of no limit.
    pub(crate) const NONE: Self = Self {
        limit: 0,
        in_flight: 0,
        cut_off: Rank::LOWEST,
        queued_by_level: [0; Criticality::ALL.len()],
    };

    /// Returns the number of waiting requests.
    pub fn queued(&self) -> usize {
        self.queued_by_level.iter().sum()
    }

    /// Returns the number of waiting requests of a level.
    pub fn queued_of(&self, level: Criticality) -> usize {
        self.queued_by_level[level as usize]
    }
}

/// The sum of both, with the higher cut-off.
impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let queued = |level| self.queued_of(level) + other.queued_of(level);
        Self {
            limit: self.limit.saturating_add(other.limit),
            in_flight: self.in_flight.saturating_add(other.in_flight),
            cut_off: self.cut_off.max(other.cut_off),
            queued_by_level: Criticality::ALL.map(queued),
        }
    }
}
