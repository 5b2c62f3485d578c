//! The rule of a budget at a slot of the caller's choice, to compare it with its
//! script.

use super::window::{BudgetRule, Window};

/// The rule with its state.
#[doc(hidden)]
#[derive(Debug)]
pub struct BudgetTwin(Window);

impl BudgetTwin {
    /// Returns the rule of a budget.
    pub fn new(percent: u64, minimum: u64, reserve: u64) -> Self {
        Self(Window::new(BudgetRule {
            percent,
            minimum,
            reserve,
        }))
    }

    /// Counts requests in a slot, and sends a retry if there is room.
    pub fn decide(&mut self, slot: u64, requests: u64) -> bool {
        self.0.add_requests(slot, requests);
        self.0.reserve(slot).is_some() && self.0.spend(slot)
    }
}
