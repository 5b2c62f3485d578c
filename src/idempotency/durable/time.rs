//! The time of a store that outlives its process.
//!
//! Instants on disk are ticks of the store's own time. While the store is open,
//! a monotonic clock advances that time, and a step back of the clock counts as
//! zero. While it is closed, only the wall clock goes on, which may be wrong
//! when the store is closed, or when it is opened again. If it went back, no
//! time counts as passed; otherwise at most an hour does. So a wrong clock never ends a record that is kept for a day. After
//! a longer pause, records are kept for that much longer, which does no harm.

use std::sync::Arc;

use crate::clock::{Clock, Tick};

use super::layout::number;

/// The most ticks that pass while a store is closed: an hour.
const MAX_CLOSED_TICKS: Tick = 3_600_000_000;

/// The store's own time, and the number of its writes.
pub(super) struct StoreTime {
    /// Advances the time while the store is open.
    clock: ClockFn,
    /// Noted in each stamp, so that the next opening can read it.
    wall: ClockFn,
    /// The last reading of the clock.
    seen: Tick,
    /// The store's own time at that reading.
    now: Tick,
    /// The number of the last write.
    writes: u64,
}

/// Reads a clock.
pub(super) type ClockFn = Arc<dyn Fn() -> Tick + Send + Sync>;

/// Returns a function that reads this clock. The settings have no type
/// parameter for it.
pub(super) fn clock_fn(clock: impl Clock) -> ClockFn {
    Arc::new(move || clock.now())
}

/// When the last write was made, and its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The wall clock at the write.
    wall: Tick,
    /// The store's own time at the write.
    now: Tick,
    /// The number of the write.
    pub(super) writes: u64,
}

impl StoreTime {
    /// Continues from this stamp, or begins at tick 1.
    ///
    /// The first tick is 1, because a test clock may show 0.
    pub(super) fn resume(clock: ClockFn, wall: ClockFn, stamp: Option<Stamp>) -> Self {
        let now = match stamp {
            None => 1,
            Some(stamp) => {
                let passed = wall().saturating_sub(stamp.wall);
                stamp.now.saturating_add(passed.min(MAX_CLOSED_TICKS))
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

    /// Returns the current instant.
    ///
    /// It is read once for each change, so all parts of it agree.
    pub(super) fn now(&mut self) -> Tick {
        let shown = (self.clock)();
        let passed = shown.saturating_sub(self.seen);
        self.seen = shown;
        self.now = self.now.saturating_add(passed);
        self.now
    }

    /// Counts a write.
    pub(super) fn count_write(&mut self) {
        self.writes += 1;
    }

    /// Returns the stamp of the last write that was counted.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            wall: (self.wall)(),
            now: self.now,
            writes: self.writes,
        }
    }

    /// Returns the number of writes.
    pub(super) fn writes(&self) -> u64 {
        self.writes
    }
}

impl Stamp {
    /// Encodes the stamp.
    pub(super) fn write(self) -> Vec<u8> {
        let Self { wall, now, writes } = self;
        [wall, now, writes].map(u64::to_be_bytes).concat()
    }

    /// Decodes a stamp; `None` if it is malformed.
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
        StoreTime::resume(clock_fn(Manual::new()), clock_fn(wall.clone()), stamp).now()
    }

    #[test]
    fn time_passes_while_the_store_is_closed() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.advance(20 * SECOND);
        assert_eq!(opened(&wall, stamp), 20_001_000);
        assert_eq!(opened(&wall, None), 1);
    }

    #[test]
    fn a_wall_clock_that_steps_back_counts_as_no_time() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.set(wall.now() - 10_000_000);
        assert_eq!(opened(&wall, stamp), 1_000);
    }

    #[test]
    fn a_wall_clock_that_steps_ahead_counts_for_an_hour_at_most() {
        let wall = Manual::new();
        let stamp = closed_at(&wall);
        wall.advance(100_000 * HOUR);
        assert_eq!(opened(&wall, stamp), MAX_CLOSED_TICKS + 1_000);
    }

    #[test]
    fn while_it_is_open_the_wall_clock_may_be_set_and_no_step_back_counts() {
        let (clock, wall) = (Manual::new(), Manual::new());
        let mut time = StoreTime::resume(clock_fn(clock.clone()), clock_fn(wall.clone()), None);
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
        let clocks = [5, 7].map(|tick| {
            let clock = Manual::new();
            clock.set(tick);
            clock_fn(clock)
        });
        let [clock, wall] = clocks;
        let mut time = StoreTime::resume(clock, wall, None);
        let stamps = [1, 2].map(|_| {
            time.count_write();
            time.stamp()
        });
        assert_eq!(stamps.map(|stamp| stamp.writes), [1, 2]);
        // The wall clock, the store's time, and the second write.
        let golden = [7, 1, 2].map(u64::to_be_bytes).concat();
        assert_eq!(stamps[1].write(), golden);
        assert_eq!(Stamp::read(&golden), Some(stamps[1]));
        assert_eq!(Stamp::read(&golden[1..]), None);
    }
}
