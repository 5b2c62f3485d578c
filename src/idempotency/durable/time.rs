//! What time it is in a store that outlives its process.
//!
//! Instants on disk are ticks of the store's own time. While it is open, that is
//! moved on by a clock that nobody sets: what the clock goes ahead, the time does,
//! and a step back is nothing. While it is closed, it is moved on by the wall
//! clock, which is all that goes on then, and which may be wrong before or after.
//! So when it has stepped back, no time has passed, and what has passed is an hour
//! at most: what was to end soon ends, and no wrong clock ends a record of a day.
//! After a longer pause, records are kept for that much longer, which harms
//! nobody.

use std::sync::Arc;

use crate::clock::{Clock, Tick};

use super::layout::number;

/// What passes at most while a store is closed, or its process dead.
const LONGEST: Tick = 3_600_000_000;

/// The store's own time.
pub(super) struct Time {
    clock: Hand,
    wall: Hand,
    /// What the clock showed last.
    seen: Tick,
    now: Tick,
    writes: u64,
}

/// Where a clock's hand is.
pub(super) type Hand = Arc<dyn Fn() -> Tick + Send + Sync>;

/// The hand of this clock.
pub(super) fn hand(clock: impl Clock) -> Hand {
    Arc::new(move || clock.now())
}

/// When something was written, and how many times that had been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    wall: Tick,
    now: Tick,
    pub(super) writes: u64,
}

impl Time {
    /// Goes on from this stamp, or begins.
    pub(super) fn resume(clock: Hand, wall: Hand, stamp: Option<Stamp>) -> Self {
        let now = match stamp {
            None => 1,
            Some(stamp) => {
                let passed = wall().saturating_sub(stamp.wall);
                stamp.now.saturating_add(passed.min(LONGEST))
            }
        };
        let seen = clock();
        Self {
            clock,
            wall,
            seen,
            now,
            writes: stamp.unwrap_or_default().writes,
        }
    }

    /// The present instant.
    pub(super) fn now(&mut self) -> Tick {
        let shown = (self.clock)();
        let passed = shown.saturating_sub(self.seen);
        self.seen = shown;
        self.now = self.now.saturating_add(passed);
        self.now
    }

    /// To be written along with whatever is written next.
    pub(super) fn stamp(&mut self) -> Stamp {
        self.writes += 1;
        Stamp {
            wall: (self.wall)(),
            now: self.now,
            writes: self.writes,
        }
    }

    /// How many times something was written.
    pub(super) fn writes(&self) -> u64 {
        self.writes
    }
}

impl Stamp {
    pub(super) fn write(self) -> Vec<u8> {
        let Self { wall, now, writes } = self;
        [wall, now, writes].map(u64::to_be_bytes).concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (wall, rest) = number(bytes)?;
        let (now, rest) = number(rest)?;
        let (writes, []) = number(rest)? else {
            return None;
        };
        Some(Self { wall, now, writes })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Manual;

    const HOUR: Duration = Duration::from_secs(3_600);
    const SECOND: Duration = Duration::from_secs(1);

    fn closed_at(wall: &Manual) -> Option<Stamp> {
        Some(Stamp {
            wall: wall.now(),
            now: 1_000,
            writes: 0,
        })
    }

    fn opened(wall: &Manual, stamp: Option<Stamp>) -> Tick {
        Time::resume(hand(Manual::new()), hand(wall.clone()), stamp).now()
    }

    #[test]
    fn what_passed_while_it_was_closed_has_passed() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.advance(20 * SECOND);
        assert_eq!(opened(&wall, stamp), 20_001_000);
        assert_eq!(opened(&wall, None), 1);
    }

    #[test]
    fn a_wall_clock_that_steps_back_lets_nothing_live_longer_than_the_pause() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.set(wall.now() - 10_000_000);
        assert_eq!(opened(&wall, stamp), 1_000);
    }

    #[test]
    fn a_wall_clock_that_steps_ahead_ends_what_had_an_hour_left_and_no_more() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.advance(100_000 * HOUR);
        assert_eq!(opened(&wall, stamp), LONGEST + 1_000);
    }

    #[test]
    fn while_it_is_open_the_wall_clock_may_be_set_and_no_step_back_counts() {
        let (clock, wall) = (Manual::new(), Manual::new());
        let mut time = Time::resume(hand(clock.clone()), hand(wall.clone()), None);
        wall.advance(100 * HOUR);
        clock.advance(SECOND);
        assert_eq!(time.now(), 1_000_001);
        clock.set(5);
        assert_eq!(time.now(), 1_000_001);
        clock.advance(SECOND);
        assert_eq!(time.now(), 2_000_001);
    }

    #[test]
    fn a_stamp_is_written_and_read_as_it_always_was() {
        let hands = [5, 7].map(|tick| {
            let clock = Manual::new();
            clock.set(tick);
            hand(clock)
        });
        let [clock, wall] = hands;
        let mut time = Time::resume(clock, wall, None);
        let stamps = [time.stamp(), time.stamp()];
        assert_eq!(stamps.map(|stamp| stamp.writes), [1, 2]);
        // The wall clock, the store's time, and the second write.
        let golden = [7, 1, 2].map(u64::to_be_bytes).concat();
        assert_eq!(stamps[1].write(), golden);
        assert_eq!(Stamp::read(&golden), Some(stamps[1]));
        assert_eq!(Stamp::read(&golden[1..]), None);
    }
}
