//! Time as the limiters see it: a count of microseconds.
//!
//! A rule never reads a clock: it gets the [`Tick`] as an argument. A limiter
//! reads its [`Clock`] once for each decision. This module has five clocks:
//!
//! | clock | a read costs | use it |
//! |---|---|---|
//! | [`Monotonic`] | the processor's time stamp counter | by default |
//! | [`Coarse`] | one load from memory | where a millisecond more or less does not matter |
//! | [`Manual`] | one load from memory | in tests: time moves when the test moves it |
//! | [`Tokio`] | a read of tokio's clock | in tests with `tokio::time::pause` |
//! | [`Wall`] | a call of the operating system | for records that outlive the process |
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
/// The `TIME` of a Redis server has the same resolution, so that a rule decides
/// alike in process and in Redis. 64 bits are enough for 580,000 years.
pub type Tick = u64;

/// A source of ticks.
///
/// Clones must tell the same time, because a limiter and its clones share their
/// state. A clock may stand still or step back: no rule admits more because of
/// that.
pub trait Clock: Clone + fmt::Debug + Send + Sync + 'static {
    /// Returns the present instant. It must be quick, because each decision in
    /// process calls it once.
    fn now(&self) -> Tick;
}

/// The first tick of every clock, so that 0 is before every instant.
const ORIGIN: Tick = 1;

/// Returns the whole microseconds of `duration`, at most `u64::MAX`.
pub(crate) fn ticks(duration: Duration) -> Tick {
    u64::try_from(duration.as_micros()).unwrap_or(Tick::MAX)
}

/// The default clock: the processor's time stamp counter, read by [`quanta`].
#[derive(Clone)]
pub struct Monotonic {
    counter: quanta::Clock,
    /// Microseconds of one count, in units of 2^-64.
    scale: u64,
}

impl Monotonic {
    /// Returns the clock. The first call in a process calibrates the counter,
    /// which may take some milliseconds.
    pub fn new() -> Self {
        Self::of(quanta::Clock::new())
    }

    /// Computes the scale from the nanoseconds that [`quanta`] makes of many
    /// counts. Asking it for nanoseconds each time, and dividing, would cost
    /// every decision a long shift and another multiplication.
    fn of(counter: quanta::Clock) -> Self {
        const MANY: u32 = 44;
        let nanos = u128::from(counter.delta_as_nanos(0, 1 << MANY));
        let scale = (nanos << (u64::BITS - MANY)) / 1_000;
        // It overflows only for a counter below one megahertz. There are none.
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

/// A clock that a background thread sets once in every interval.
///
/// It is late by up to one interval (more if the thread is starved), so a
/// limiter may refuse for that much longer. It never admits more.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{clock::Coarse, limit::{Local, Quota, TokenBucket}};
///
/// # fn main() -> std::io::Result<()> {
/// let clock = Coarse::start(Duration::from_millis(1))?;
/// let rule = TokenBucket::new(Quota::per_second(100));
/// let limiter = Local::builder(rule).clock(clock).direct();
/// # let _ = limiter;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Coarse {
    now: Arc<AtomicU64>,
}

impl Coarse {
    /// Starts the thread that sets this clock and all its clones. It ends
    /// within one interval after the last of them is dropped.
    ///
    /// # Errors
    ///
    /// When the operating system cannot start a thread.
    pub fn start(interval: Duration) -> std::io::Result<Self> {
        let source = Monotonic::new();
        let now = Arc::new(AtomicU64::new(source.now()));
        let weak = Arc::downgrade(&now);
        thread::Builder::new()
            .name("sluicegate-clock".into())
            .spawn(move || {
                while let Some(now) = weak.upgrade() {
                    now.store(source.now(), Relaxed);
                    // Not kept while sleeping, so that the thread can end.
                    drop(now);
                    thread::sleep(interval);
                }
            })?;
        Ok(Self { now })
    }
}

impl Clock for Coarse {
    #[inline]
    fn now(&self) -> Tick {
        self.now.load(Relaxed)
    }
}

/// A clock for tests that stands still until it is moved. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{clock::Manual, limit::{Local, Quota, TokenBucket}};
///
/// let clock = Manual::new();
/// let rule = TokenBucket::new(Quota::per_second(1));
/// let limiter = Local::builder(rule).clock(clock.clone()).direct();
/// assert!(limiter.check(1).is_admitted());
/// assert!(!limiter.check(1).is_admitted());
/// clock.advance(Duration::from_secs(1));
/// assert!(limiter.check(1).is_admitted());
/// ```
#[derive(Clone, Debug)]
pub struct Manual {
    now: Arc<AtomicU64>,
}

impl Manual {
    /// Returns a clock that starts a day after its origin, so that it can step
    /// back.
    pub fn new() -> Self {
        Self {
            now: Arc::new(AtomicU64::new(86_400_000_000)),
        }
    }

    /// Moves forward by the whole microseconds of `by`.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(ticks(by), Relaxed);
    }

    /// Moves to an instant, which may be in the past.
    pub fn set(&self, now: Tick) {
        self.now.store(now, Relaxed);
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
        self.now.load(Relaxed)
    }
}

/// Tokio's clock, which stands still under `tokio::time::pause` and jumps to
/// the next timer, so that tests of waiting do not wait.
#[derive(Clone, Debug)]
pub struct Tokio {
    origin: tokio::time::Instant,
}

impl Tokio {
    /// Returns a clock whose origin is now.
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

/// The operating system's clock, which shows the date. It goes on while the
/// process does not run, and steps when it is set.
///
/// Its ticks are counted from 1970. Before that it stands still.
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
        let (counter, mock) = quanta::Clock::mock();
        let clock = Monotonic::of(counter);
        let begun = clock.now();
        mock.increment(1_500_u64);
        assert_eq!(clock.now() - begun, 1);
        let century = Duration::from_secs(100 * 365 * 86_400);
        mock.increment(century);
        assert_eq!(clock.now() - begun, ticks(century) + 1);
    }
}
