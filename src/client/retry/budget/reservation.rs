//! A retry that is reserved: spent when it is sent, or else given back.

use std::sync::Arc;

use super::{local_budget::LocalBudget, window::Window};

/// Holds a place in the budget while a call waits. Dropping it gives the place
/// back.
pub(in crate::client::retry) struct Reservation {
    budget: Arc<LocalBudget>,
    /// The units that it took of the balance.
    taken: u64,
    is_spent: bool,
}

impl Reservation {
    pub(super) fn new(budget: Arc<LocalBudget>, taken: u64) -> Self {
        Self {
            budget,
            taken,
            is_spent: false,
        }
    }

    /// Counts the retry as sent. Returns false if the budget no longer has room
    /// for it.
    pub(in crate::client::retry) fn spend(mut self) -> bool {
        self.is_spent = self.budget.locked(Window::spend);
        self.is_spent
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_spent {
            self.budget.locked(|window, _| window.give_back(self.taken));
        }
    }
}
