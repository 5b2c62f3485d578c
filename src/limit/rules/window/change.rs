//! Changes of a window without a decision, or in advance: costs that are given back,
//! taken without asking, or booked.

use super::window::Window;
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{
            quota::{Cost, MAX_COST},
            word::Word,
        },
    },
};

impl Window {
    /// Gives back `cost`; see [`Rule::credit`](crate::limit::Rule::credit).
    pub(in crate::limit::rules) fn credit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let view = self.view(*state, now);
        let current = view.current.saturating_sub(cost);
        *state = self.word(&view, view.previous, current);
    }

    /// Takes `cost` without asking; see
    /// [`Rule::debit`](crate::limit::Rule::debit).
    pub(in crate::limit::rules) fn debit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let view = self.view(*state, now);
        let current = view.current.saturating_add(cost.min(MAX_COST));
        *state = self.word(&view, view.previous, current);
    }

    /// Returns the largest debit of a whole bucket that is remembered in full.
    pub(in crate::limit::rules) fn max_debit(&self) -> Cost {
        self.max_count().min(MAX_COST)
    }

    /// Takes back what was charged at the instant `at`, as much of it as is
    /// counted in that window, while it is one of those of the state: the
    /// present one, a later one that is booked, or the one before.
    pub(in crate::limit::rules) fn undo(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        at: Tick,
    ) -> Cost {
        self.step_back(state, &self.view(*state, now));
        let view = self.view(*state, now);
        let counted = (view.previous, view.current);
        let (previous, current) = match view.index.checked_sub(at / self.width) {
            Some(0) => (view.previous, view.current.saturating_sub(cost)),
            Some(1) => (view.previous.saturating_sub(cost), view.current),
            _ => counted,
        };
        if (previous, current) != counted {
            *state = self.word(&view, previous, current);
        }
        counted.0 - previous + counted.1 - current
    }

    /// Books `cost` at the instant `wait` ticks from now, as `decide` charges
    /// it.
    pub(in crate::limit::rules) fn book(
        &self,
        state: &mut Word,
        now: Tick,
        (cost, wait): (Cost, Tick),
        decide: impl FnOnce(&mut Word, Tick) -> Decision,
    ) -> Decision {
        let mut booked = *state;
        self.step_back(&mut booked, &self.view(*state, now));
        let decision = decide(&mut booked, now + wait);
        if cost > 0 {
            let is_later = (now + wait) / self.width > now / self.width;
            if is_later && booked != Word::EMPTY {
                booked.0 |= self.booked_bit();
            }
            *state = booked;
        }
        decision.after(wait)
    }
}
