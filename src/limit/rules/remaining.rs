//! What is left in a bucket.

use super::quota::Cost;
use crate::clock::Tick;

/// What is left in a bucket, in the units of its rule.
#[derive(Clone, Copy)]
pub(crate) struct Spare {
    /// The cost that a whole bucket bears.
    pub(crate) limit: Cost,
    /// Units that are left.
    pub(crate) units: u64,
    /// Units that a cost of 1 takes.
    pub(crate) token: u64,
    /// Units that come back in a tick: the measure of times, too.
    pub(crate) tick: u64,
}

impl Spare {
    pub(crate) fn remaining(&self) -> Cost {
        self.units / self.token
    }

    /// Ticks in which a whole bucket fills at the rate of its tokens.
    pub(crate) fn window(&self) -> Tick {
        self.room().div_ceil(self.tick)
    }

    /// Ticks until one token more is left, `reset` being the units until the
    /// bucket is whole: what is missing is reckoned from there, because after a
    /// booking, and in debt, the units that are left lie at another instant.
    pub(crate) fn next_token(&self, reset: u64) -> Tick {
        if self.units >= self.room() {
            return 0;
        }
        let more = (self.remaining() + 1) * self.token;
        (reset + more)
            .saturating_sub(self.room())
            .div_ceil(self.tick)
    }

    /// What is left when the bucket is so far from whole.
    pub(crate) fn within(self, reset: u64) -> Self {
        let units = self.room().saturating_sub(reset);
        Self { units, ..self }
    }

    fn room(&self) -> u64 {
        self.limit * self.token
    }
}
