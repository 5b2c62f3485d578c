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

    /// Counts a call that has ended.
    pub(super) fn count(&mut self, level: Criticality, is_accepted: bool, now: Instant) {
        self.advance(now);
        let slot = &mut self.slots[self.newest as usize % SLOTS][level as usize];
        for counts in [slot, &mut self.sums[level as usize]] {
            counts.calls += 1;
            counts.accepted += u64::from(is_accepted);
        }
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
        window.count(LEVEL, true, begun);
        let last = begun + SLOT * 24 - Duration::from_nanos(1);
        assert_eq!(window.counts(LEVEL, last), counts(1, 1));
        assert_eq!(window.counts(LEVEL, begun + SLOT * 24), counts(0, 0));
    }

    #[test]
    fn levels_are_counted_apart() {
        let now = Instant::now();
        let mut window = CallWindow::new(now);
        window.count(Criticality::Sheddable, false, now);
        assert_eq!(window.counts(LEVEL, now), counts(0, 0));
        assert_eq!(window.counts(Criticality::Sheddable, now), counts(1, 0));
    }

    /// The counts are those of the calls in the last 24 slots, whatever happens
    /// and whenever.
    #[test]
    fn the_counts_are_those_of_a_list_of_calls() {
        let begun = Instant::now();
        let mut window = CallWindow::new(begun);
        let (mut now, mut calls) = (begun, Vec::new());
        let mut dice = 12_345_u64;
        for _ in 0..5_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (level, is_accepted) =
                (Criticality::ALL[(dice >> 40) as usize % 4], dice >> 63 == 0);
            match dice >> 59 & 15 {
                0 => now += SLOT * (dice >> 30 & 31) as u32,
                1..6 => now += Duration::from_millis(dice >> 30 & 2_047),
                _ => {
                    window.count(level, is_accepted, now);
                    calls.push((level, is_accepted, now));
                }
            }
            let slot = |at: Instant| (at - begun).as_nanos() / SLOT.as_nanos();
            calls.retain(|(_, _, at)| slot(*at) + 24 > slot(now));
            for level in Criticality::ALL {
                let own = calls.iter().filter(|call| call.0 == level);
                let accepted = own.clone().filter(|call| call.1).count() as u64;
                let all = counts(own.count() as u64, accepted);
                assert_eq!(window.counts(level, now), all);
            }
        }
    }
}
