//! The state of a bucket under a sliding log: when it admitted how much. Its
//! twin is `lua/log.lua`, where the entries are a list of the server.
//!
//! A check forgets entries from the front and adds one at the back, so it takes
//! constant time on average. Only a denial looks for the entry to wait for.

use std::{collections::VecDeque, fmt};

use super::quota::Cost;
use crate::clock::Tick;

/// The largest total that is counted, debt included: what a script in Redis can
/// count to.
pub(super) const MAX_COUNT: u64 = (1 << 53) - 1;

/// The state of a bucket under a [`SlidingLog`](crate::limit::SlidingLog): when
/// it admitted how much, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) entries: VecDeque<LogEntry>,
    /// The sum of all costs.
    pub(super) used: u64,
}

/// A cost, and the instant at which it was admitted, or for which it was
/// booked.
#[derive(Clone, Copy)]
pub(super) struct LogEntry {
    pub(super) at: Tick,
    /// Twice the cost, and 1 more if it was booked in advance. An entry that lies
    /// ahead and was not booked was logged before the clock stepped back.
    packed: u64,
}

impl LogEntry {
    /// A cost, which is at most [`MAX_COUNT`], that was admitted.
    pub(super) fn new(at: Tick, cost: Cost) -> Self {
        Self {
            at,
            packed: cost << 1,
        }
    }

    pub(super) fn cost(&self) -> Cost {
        self.packed >> 1
    }

    /// It was booked in advance, and stays so whatever is added to it.
    pub(super) fn set_booked(&mut self) {
        self.packed |= 1;
    }

    fn is_booked(&self) -> bool {
        self.packed & 1 == 1
    }

    fn add(&mut self, cost: Cost) {
        self.packed += cost << 1;
    }

    fn subtract(&mut self, cost: Cost) {
        self.packed -= cost << 1;
    }
}

// Without the mark of bookings, which tells nothing while the clock goes on.
impl fmt::Debug for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEntry")
            .field("at", &self.at)
            .field("cost", &self.cost())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Drops entries that are as old as the window, or older.
    pub(super) fn forget(&mut self, now: Tick, width: Tick) {
        while let Some(oldest) = self.entries.front() {
            if oldest.at.saturating_add(width) > now {
                return;
            }
            self.used -= oldest.cost();
            self.entries.pop_front();
        }
    }

    /// Adds an entry, which never lies before the last one, even if the clock
    /// stepped back. A log of `full` entries stretches its last one.
    pub(super) fn push(&mut self, now: Tick, cost: Cost, full: usize) {
        let stretch = self.entries.len() >= full;
        let cost = cost.min(MAX_COUNT - self.used);
        self.used += cost;
        // Entries stay in order, because searches bisect.
        match self.entries.back_mut() {
            Some(last) if last.at >= now || stretch => {
                last.at = last.at.max(now);
                last.add(cost);
            }
            _ => self.entries.push_back(LogEntry::new(now, cost)),
        }
    }

    /// Takes back so much of the newest entries.
    pub(super) fn pop(&mut self, mut cost: Cost) {
        while let Some(newest) = self.entries.back_mut() {
            let taken = newest.cost().min(cost);
            newest.subtract(taken);
            self.used -= taken;
            cost -= taken;
            if newest.cost() > 0 {
                return;
            }
            self.entries.pop_back();
        }
    }

    /// Counts all that was in the window at its last entry as of now, if the
    /// clock stepped back by more than the window. It does not tell which
    /// entries have left the window by now, and otherwise nothing would pass
    /// until the clock is there again.
    pub(super) fn step_back(&mut self, now: Tick, width: Tick) {
        let Some(last) = self.last().filter(|_| self.is_behind(now, width)) else {
            return;
        };
        self.forget(last, width);
        let cost = self.used;
        self.entries.clear();
        self.entries.push_back(LogEntry::new(now, cost));
    }

    /// Whether the clock stepped back since the last entry, by more than the
    /// window. An entry that was booked may lie so far ahead by itself.
    pub(super) fn is_behind(&self, now: Tick, width: Tick) -> bool {
        let end = now.saturating_add(width);
        let last = self.entries.back();
        last.is_some_and(|last| last.at > end && !last.is_booked())
    }

    /// Takes back a cost that was admitted at an instant, if it is still there,
    /// and returns how much that was.
    pub(super) fn take_out(&mut self, cost: Cost, at: Tick) -> Cost {
        let Ok(index) = self.entries.binary_search_by_key(&at, |entry| entry.at) else {
            return 0;
        };
        let entry = &mut self.entries[index];
        if entry.cost() < cost {
            return 0;
        }
        entry.subtract(cost);
        self.used -= cost;
        if entry.cost() == 0 {
            self.entries.remove(index);
        }
        cost
    }

    /// Returns the instant of the last entry.
    pub(super) fn last(&self) -> Option<Tick> {
        self.entries.back().map(|entry| entry.at)
    }

    /// Returns the instant of the entry with which `excess` of the oldest is
    /// gone.
    pub(super) fn when_gone(&self, excess: u64) -> Option<Tick> {
        let mut gone = 0;
        self.entries.iter().find_map(|entry| {
            gone += entry.cost();
            (gone >= excess).then_some(entry.at)
        })
    }
}
