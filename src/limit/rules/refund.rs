//! Changes of a bucket without a decision: costs that are given back, and those
//! that are taken without asking. Its twin is `lua/refund.lua`.

use super::{
    gcra::{FURTHEST, Gcra},
    quota::{Cost, MAX_COST},
    word::Word,
};
use crate::clock::Tick;

impl Gcra {
    /// Gives back `cost`; see [`Rule::credit`](crate::limit::Rule::credit).
    pub(super) fn credit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let ahead = self.ahead(*state, now);
        *state = self.word(now, ahead.saturating_sub(cost.saturating_mul(self.token)));
    }

    /// Takes `cost` without asking; see
    /// [`Rule::debit`](crate::limit::Rule::debit).
    pub(super) fn debit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let cost = cost.min(MAX_COST);
        let level = self
            .ahead(*state, now)
            .saturating_add(cost.saturating_mul(self.token));
        *state = self.word(now, level.min(FURTHEST));
    }

    /// Returns the largest debit of a whole bucket that is remembered in full.
    pub(super) fn max_debit(&self) -> Cost {
        (FURTHEST / self.token).min(MAX_COST)
    }

    /// Takes back a charge of the instant `at`: all of it, less what has come
    /// back since the bucket would have been whole without the charge. Returns
    /// `cost` if anything was taken back, else 0.
    pub(super) fn undo(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        (at, mark): (Tick, u64),
    ) -> Cost {
        self.step_back(state, now);
        let charged = cost.saturating_mul(self.token);
        // The mark is seen from one tick before the charge.
        let before = mark.saturating_sub(self.tick + charged);
        let since = now.saturating_sub(at).saturating_mul(self.tick);
        let back = charged.saturating_sub(since.saturating_sub(before));
        if back == 0 {
            return 0;
        }
        *state = self.word(now, self.ahead(*state, now).saturating_sub(back));
        cost
    }

    /// Returns a mark without what was given back since: the bucket is whole so
    /// much sooner.
    pub(super) fn mark_refunded(&self, mark: u64, refunded: Cost) -> u64 {
        mark.saturating_sub(refunded.saturating_mul(self.token))
    }

    /// Gives back a place in a queue, but only while the state is the one that
    /// its charge has left: otherwise a newcomer would get the place of the
    /// last in the queue. Nor after the clock stepped back, when the bucket
    /// counts as empty whether or not others came.
    pub(super) fn give_back(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        (at, mark): (Tick, u64),
    ) -> Cost {
        if self.is_behind(*state, now) || self.mark(*state, at) != mark {
            self.step_back(state, now);
            return 0;
        }
        self.credit(state, now, cost);
        cost
    }

    /// Returns the units until the bucket is whole, seen from the tick before a
    /// booking falls due: waits are rounded up to a tick, so at that tick there
    /// may be none.
    pub(super) fn mark(&self, state: Word, at: Tick) -> u64 {
        self.distance(state, at.saturating_sub(1)).min(FURTHEST)
    }
}
