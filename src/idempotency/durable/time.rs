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
}

/// Where a clock's hand is.
pub(super) type Hand = Box<dyn Fn() -> Tick + Send>;

/// The hand of this clock.
pub(super) fn hand(clock: impl Clock) -> Hand {
    Box::new(move || clock.now())
}

/// The time when something was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    wall: Tick,
    now: Tick,
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

    /// To be written along with whatever is written.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            wall: (self.wall)(),
            now: self.now,
        }
    }
}

impl Stamp {
    pub(super) fn write(self) -> Vec<u8> {
        [self.wall.to_be_bytes(), self.now.to_be_bytes()].concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (wall, rest) = number(bytes)?;
        let (now, []) = number(rest)? else {
            return None;
        };
        Some(Self { wall, now })
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
        let wall = wall.now();
        Some(Stamp { wall, now: 1_000 })
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
        let stamp = time.stamp();
        let wall = wall.now();
        assert_eq!(
            Stamp::read(&stamp.write()),
            Some(Stamp {
                wall,
                now: 2_000_001
            })
        );
    }
}
