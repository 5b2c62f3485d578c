//! The rest of a bucket, from which a decision works out its numbers.

use super::quota::Cost;
use crate::clock::Tick;

/// How much is left in a bucket, in the units of its rule.
///
/// A [`Decision`](crate::limit::Decision) carries it as it is. Divisions are
/// made only when a client wants to know a number.
#[derive(Clone, Copy)]
pub(crate) struct Remaining {
    /// The cost that a whole bucket bears.
    pub(crate) limit: Cost,
    /// Units that are left.
    pub(crate) units: u64,
    /// Units that a cost of 1 takes. Never 0.
    pub(crate) token: u64,
    /// Units that come back in a tick, in which times are measured, too. Never
    /// 0.
    pub(crate) tick: u64,
}

impl Remaining {
    /// Counts in whole costs and in ticks.
    pub(crate) fn whole(limit: Cost, units: u64) -> Self {
        Self {
            limit,
            units,
            token: 1,
            tick: 1,
        }
    }

    /// Returns the largest cost that would pass at once.
    pub(crate) fn cost(&self) -> Cost {
        self.units / self.token
    }

    /// Returns the ticks in which a whole bucket fills at the rate of its
    /// tokens.
    pub(crate) fn window(&self) -> Tick {
        self.room().div_ceil(self.tick)
    }

    /// Returns the ticks until one token more is left, `reset` being the units
    /// until the bucket is whole. The missing units are counted from there,
    /// because after a booking, and in debt, the units that are left lie at
    /// another instant.
    pub(crate) fn next_token(&self, reset: u64) -> Tick {
        if self.units >= self.room() {
            return 0;
        }
        let more = (self.cost() + 1) * self.token;
        (reset + more)
            .saturating_sub(self.room())
            .div_ceil(self.tick)
    }

    /// Returns what is left when the bucket is `reset` units from whole.
    pub(crate) fn within(self, reset: u64) -> Self {
        let units = self.room().saturating_sub(reset);
        Self { units, ..self }
    }

    /// Units of a whole bucket.
    fn room(&self) -> u64 {
        self.limit * self.token
    }
}
