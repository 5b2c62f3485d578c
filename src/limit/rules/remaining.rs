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

/// The counts of a sliding window at the instant of a decision.
///
/// A decision carries them packed, so that the time until more is left costs its
/// divisions only when it is read.
#[derive(Clone, Copy)]
pub(crate) struct SlidingCounts {
    /// The count of the window before.
    pub(crate) previous: u32,
    /// The count of this window.
    pub(crate) current: u32,
    /// Ticks in a step.
    pub(crate) step: u32,
    /// Ticks in a window.
    pub(crate) width: Tick,
}

impl SlidingCounts {
    /// Returns what is used and `cost` more, times `steps`, the steps in a
    /// window, of which `elapsed` ticks have passed.
    #[inline]
    pub(crate) fn used(&self, steps: u64, elapsed: Tick, cost: Cost) -> u64 {
        // A step is a tick, but for large limits.
        let passed = match self.step {
            1 => elapsed,
            step => elapsed / u64::from(step),
        };
        let weight = steps - passed;
        u64::from(self.previous) * weight + (u64::from(self.current) + cost) * steps
    }

    /// Returns the ticks until `cost`, which is within the limit, passes: 0 if
    /// it does now.
    pub(crate) fn wait(&self, limit: Cost, steps: u64, elapsed: Tick, cost: Cost) -> Tick {
        let excess = self
            .used(steps, elapsed, cost)
            .saturating_sub(limit * steps);
        if excess == 0 {
            return 0;
        }
        let (current, step) = (u64::from(self.current), u64::from(self.step));
        let left = self.width - elapsed;
        // Within this window only the count of the one before shrinks. That may
        // be enough if the current count alone leaves room.
        if current + cost <= limit {
            let until_fits = elapsed / step + excess.div_ceil(self.previous.into());
            return left.min(until_fits * step - elapsed);
        }
        // Otherwise the current count has to shrink, in the next window.
        let until_fits = ((current + cost - limit) * steps).div_ceil(current);
        left + self.width.min(until_fits * step)
    }

    /// Returns the ticks until more is left than `remaining` tells. `reset` is
    /// the number of ticks until nothing counts any more.
    pub(crate) fn more(&self, remaining: &Remaining, reset: Tick) -> Tick {
        let left = remaining.cost();
        if left >= remaining.limit {
            return 0;
        }
        let windows = if self.current > 0 { 2 } else { 1 };
        let elapsed = windows * self.width - reset;
        self.wait(remaining.limit, remaining.token, elapsed, left + 1)
    }
}
