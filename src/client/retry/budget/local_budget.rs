//! The part of a budget in this process: the window, and the clock that moves it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    open_slot::OpenSlot,
    window::{BudgetRule, SLOTS, Window},
};
use crate::{
    clock::{Tick, ticks},
    sync::{Mutex, lock},
};

/// The part of a budget in this process.
pub(super) struct LocalBudget {
    origin: Instant,
    /// The length of a slot.
    slot: Tick,
    open: OpenSlot,
    window: Mutex<Window>,
}

impl LocalBudget {
    pub(super) fn new(rule: BudgetRule, window: Duration) -> Self {
        Self {
            origin: Instant::now(),
            slot: ticks(window) / SLOTS,
            open: OpenSlot::default(),
            window: Mutex::new(Window::new(rule)),
        }
    }

    /// Counts a request.
    #[inline]
    pub(super) fn count(&self) {
        let number = self.number();
        if !self.open.count(number) {
            self.count_in_new_slot(number);
        }
    }

    /// Runs `work` on the window, at the present slot and with all requests
    /// counted.
    pub(super) fn locked<T>(&self, work: impl FnOnce(&mut Window, u64) -> T) -> T {
        let mut window = lock(&self.window);
        let number = self.number();
        let (open, requests) = self.open.open(number);
        window.add_requests(open, requests);
        work(&mut window, number)
    }

    #[cold]
    fn count_in_new_slot(&self, number: u64) {
        self.locked(|window, now| window.add_requests(now.max(number), 1));
    }

    /// Returns the number of the present slot. The first one is 1.
    #[inline]
    fn number(&self) -> u64 {
        1 + ticks(self.origin.elapsed()) / self.slot
    }
}
