//! The calls of the last two minutes, by their criticality.
//!
//! Time is divided into whole slots. A slot leaves the window at once, so the
//! window is between 115 and 120 seconds long.

use std::time::Duration;

use tokio::time::Instant;

use crate::criticality::Criticality;

/// The time of one slot.
pub(super) const SLOT: Duration = Duration::from_secs(5);

/// The number of slots in the window of two minutes.
const SLOTS: usize = 24;

/// The counts of one level in one slot, or in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallCounts {
    pub(super) calls: u64,
    pub(super) accepted: u64,
}

/// The window of one peer.
#[derive(Debug)]
pub(super) struct CallWindow {
    origin: Instant,
    slots: [[CallCounts; 4]; SLOTS],
    sums: [CallCounts; 4],
    /// The number of the newest slot since the origin.
    newest: u64,
}

/// A call that was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct CountedCall {
    level: Criticality,
    slot: u64,
}

impl CallWindow {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            origin: now,
            slots: Default::default(),
            sums: Default::default(),
            newest: 0,
        }
    }

    /// Returns the counts of a level.
    pub(super) fn counts(&mut self, level: Criticality, now: Instant) -> CallCounts {
        self.advance(now);
        self.sums[level as usize]
    }

    /// Counts a call.
    pub(super) fn call(&mut self, level: Criticality, now: Instant) -> CountedCall {
        self.advance(now);
        let slot = self.newest;
        self.slot(slot, level).calls += 1;
        self.sums[level as usize].calls += 1;
        CountedCall { level, slot }
    }

    /// Counts a call as accepted, in the slot in which it was made, so that a
    /// slot never has more accepted calls than calls.
    pub(super) fn accept(&mut self, call: CountedCall, now: Instant) {
        if self.holds(call, now) {
            self.slot(call.slot, call.level).accepted += 1;
            self.sums[call.level as usize].accepted += 1;
        }
    }

    /// Takes a call back, as if it had not been made.
    pub(super) fn withdraw(&mut self, call: CountedCall, now: Instant) {
        if self.holds(call, now) {
            self.slot(call.slot, call.level).calls -= 1;
            self.sums[call.level as usize].calls -= 1;
        }
    }

    /// Returns whether the slot of a call is still in the window.
    fn holds(&mut self, call: CountedCall, now: Instant) -> bool {
        self.advance(now);
        call.slot + SLOTS as u64 > self.newest
    }

    fn slot(&mut self, slot: u64, level: Criticality) -> &mut CallCounts {
        &mut self.slots[slot as usize % SLOTS][level as usize]
    }

    /// Drops the slots that have left the window.
    fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin).as_nanos();
        let newest = u64::try_from(elapsed / SLOT.as_nanos()).unwrap_or(u64::MAX);
        let stale = newest.saturating_sub(self.newest).min(SLOTS as u64);
        for slot in (self.newest + 1..).take(stale as usize) {
            let left = std::mem::take(&mut self.slots[slot as usize % SLOTS]);
            for (sum, left) in self.sums.iter_mut().zip(left) {
                sum.calls -= left.calls;
                sum.accepted -= left.accepted;
            }
        }
        self.newest = self.newest.max(newest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Criticality = Criticality::Critical;

    fn counts(calls: u64, accepted: u64) -> CallCounts {
        CallCounts { calls, accepted }
    }

    #[test]
    fn a_call_leaves_the_window_after_two_minutes() {
        let begun = Instant::now();
        let mut window = CallWindow::new(begun);
        let call = window.call(LEVEL, begun);
        window.accept(call, begun);
        let last = begun + SLOT * 24 - Duration::from_nanos(1);
        assert_eq!(window.counts(LEVEL, last), counts(1, 1));
        assert_eq!(window.counts(LEVEL, begun + SLOT * 24), counts(0, 0));
    }

    #[test]
    fn a_call_that_has_left_is_neither_accepted_nor_withdrawn() {
        let begun = Instant::now();
        let mut window = CallWindow::new(begun);
        let call = window.call(LEVEL, begun);
        let later = begun + SLOT * 30;
        window.call(LEVEL, later);
        window.accept(call, later);
        window.withdraw(call, later);
        assert_eq!(window.counts(LEVEL, later), counts(1, 0));
    }

    #[test]
    fn levels_are_counted_apart() {
        let now = Instant::now();
        let mut window = CallWindow::new(now);
        window.call(Criticality::Sheddable, now);
        assert_eq!(window.counts(LEVEL, now), counts(0, 0));
        assert_eq!(window.counts(Criticality::Sheddable, now), counts(1, 0));
    }

    /// The sums are those of the slots, whatever happens and whenever.
    #[test]
    fn the_sums_are_those_of_the_slots() {
        let begun = Instant::now();
        let mut window = CallWindow::new(begun);
        let (mut now, mut open) = (begun, Vec::new());
        let mut dice = 12_345_u64;
        for _ in 0..20_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (action, level) = (dice >> 60, Criticality::ALL[(dice >> 40) as usize % 4]);
            match action {
                0..8 => open.push(window.call(level, now)),
                8..11 => open.pop().into_iter().for_each(|it| window.accept(it, now)),
                11..13 => open
                    .pop()
                    .into_iter()
                    .for_each(|it| window.withdraw(it, now)),
                13 => now += SLOT * (dice >> 30 & 31) as u32,
                _ => now += Duration::from_millis(dice >> 30 & 2_047),
            }
            for level in Criticality::ALL {
                let sum = window.counts(level, now);
                let slots = window.slots.iter().map(|it| it[level as usize]);
                let all = slots.fold(counts(0, 0), |all, it| {
                    assert!(it.accepted <= it.calls);
                    counts(all.calls + it.calls, all.accepted + it.accepted)
                });
                assert_eq!(sum, all);
            }
        }
    }
}
