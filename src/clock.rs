//! Time as the limiters see it: a count of microseconds.
//!
//! A rule never reads a clock; it is told the [`Tick`]. A limiter reads its
//! [`Clock`] once for each decision. Five clocks are here:
//!
//! | clock | a read costs | use it |
//! |---|---|---|
//! | [`Monotonic`] | the processor's time stamp counter | by default |
//! | [`Coarse`] | one load from memory | when a millisecond more or less does not matter |
//! | [`Manual`] | one load from memory | in tests: time moves when you say so |
//! | [`Tokio`] | a look at tokio's clock | in tests with `tokio::time::pause` |
//! | [`Wall`] | a call of the operating system | for what outlives the process |
//!
//! ```
//! use std::time::Duration;
//! use sluicegate::clock::{Clock, Manual};
//!
//! let clock = Manual::new();
//! let before = clock.now();
//! clock.advance(Duration::from_millis(3));
//! assert_eq!(clock.now() - before, 3_000);
//! ```

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// An instant: microseconds since an origin that only the clock knows.
///
/// One microsecond is the resolution that a Redis server's `TIME` has too, so
/// that a rule gives the same answer wherever it is asked.
pub type Tick = u64;

/// A source of ticks.
///
/// Clones must tell the same time, for a limiter and its copies share their
/// state. A clock may stand still and may step back: no rule admits more for
/// it.
pub trait Clock: Clone + fmt::Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Tick;
}

/// Counts ticks of any clock from 1, so that 0 is before every instant.
const ORIGIN: Tick = 1;

/// Whole microseconds of `duration`, at most `u64::MAX`.
pub(crate) fn ticks(duration: Duration) -> Tick {
    u64::try_from(duration.as_micros()).unwrap_or(Tick::MAX)
}

/// The default clock: the processor's time stamp counter, by way of [`quanta`].
#[derive(Clone)]
pub struct Monotonic {
    counter: quanta::Clock,
    /// Microseconds in a count, in units of 2^-64.
    scale: u64,
}

impl Monotonic {
    /// Calibrates the counter on the first call in a process, which may take
    /// some milliseconds; cheap from then on.
    pub fn new() -> Self {
        Self::of(quanta::Clock::new())
    }

    /// Learns the scale from what [`quanta`] makes of many counts. To ask it for
    /// nanoseconds each time, and divide, makes every decision wait for a long
    /// shift and another multiplication.
    fn of(counter: quanta::Clock) -> Self {
        const MANY: u32 = 44;
        let nanos = u128::from(counter.delta_as_nanos(0, 1 << MANY));
        let scale = (nanos << (u64::BITS - MANY)) / 1_000;
        // What does not fit is a counter below a megahertz; there is none in use.
        let scale = u64::try_from(scale).unwrap_or(u64::MAX);
        Self { counter, scale }
    }
}

impl Clock for Monotonic {
    #[inline]
    fn now(&self) -> Tick {
        let micros = u128::from(self.counter.raw()) * u128::from(self.scale);
        ORIGIN + (micros >> u64::BITS) as Tick
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monotonic")
            .field("now", &self.now())
            .finish()
    }
}

/// A clock that a background thread sets, once in every interval.
///
/// It runs late by up to one interval (more if the thread is starved), so a
/// limiter may refuse for that much longer; it never admits more.
#[derive(Clone, Debug)]
pub struct Coarse {
    hand: Arc<AtomicU64>,
}

impl Coarse {
    /// Starts the thread that keeps this clock and all its clones; it ends
    /// within one interval after the last of them is dropped.
    ///
    /// # Errors
    ///
    /// When the operating system starts no thread.
    pub fn start(interval: Duration) -> std::io::Result<Self> {
        let source = Monotonic::new();
        let hand = Arc::new(AtomicU64::new(source.now()));
        let seen = Arc::downgrade(&hand);
        thread::Builder::new()
            .name("sluicegate-clock".into())
            .spawn(move || {
                while let Some(hand) = seen.upgrade() {
                    hand.store(source.now(), Relaxed);
                    drop(hand);
                    thread::sleep(interval);
                }
            })?;
        Ok(Self { hand })
    }
}

impl Clock for Coarse {
    #[inline]
    fn now(&self) -> Tick {
        self.hand.load(Relaxed)
    }
}

/// A clock for tests that stands still until it is moved. Clones share it.
#[derive(Clone, Debug)]
pub struct Manual {
    hand: Arc<AtomicU64>,
}

impl Manual {
    /// A clock that starts a day after its origin, so that there is room to
    /// step back.
    pub fn new() -> Self {
        Self {
            hand: Arc::new(AtomicU64::new(86_400_000_000)),
        }
    }

    /// Moves forward, by whole microseconds.
    pub fn advance(&self, by: Duration) {
        self.hand.fetch_add(ticks(by), Relaxed);
    }

    /// Moves to an instant, which may lie in the past.
    pub fn set(&self, now: Tick) {
        self.hand.store(now, Relaxed);
    }
}

impl Default for Manual {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Manual {
    #[inline]
    fn now(&self) -> Tick {
        self.hand.load(Relaxed)
    }
}

/// Tokio's clock, which stands still under `tokio::time::pause` and jumps to
/// the next timer: waiting can be tested without waiting.
#[derive(Clone, Debug)]
pub struct Tokio {
    origin: tokio::time::Instant,
}

impl Tokio {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
        }
    }
}

impl Default for Tokio {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Tokio {
    fn now(&self) -> Tick {
        ORIGIN + ticks(self.origin.elapsed())
    }
}

/// The operating system's clock, the one that shows the date: it goes on while the
/// process does not, and steps ahead and back when it is set.
///
/// Its ticks are counted from 1970, before which it stands still.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall;

impl Clock for Wall {
    fn now(&self) -> Tick {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        ORIGIN.saturating_add(ticks(since.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monotonic_tick_is_a_microsecond_of_the_counter() {
        let (counter, hand) = quanta::Clock::mock();
        let clock = Monotonic::of(counter);
        let begun = clock.now();
        hand.increment(1_500_u64);
        assert_eq!(clock.now() - begun, 1);
        let century = Duration::from_secs(100 * 365 * 86_400);
        hand.increment(century);
        assert_eq!(clock.now() - begun, ticks(century) + 1);
    }
}
