//! The settings of a cut-off, which users give to the builder of a limiter.

use std::time::Duration;

use crate::{
    clock::{Tick, ticks},
    error::{InvalidSetting, valid},
};

/// When an overloaded limiter sheds whole ranks, before its limit is reached.
///
/// The limiter looks back at one window after another, and moves its cut-off
/// only between two of them. A request whose [`Rank`](crate::concurrency::Rank)
/// is below the cut-off is refused at once, even if a permit is free. The
/// refusals of the limit itself are counted apart.
///
/// # Formula
///
/// A window ends after 1 second or 2,000 requests, whichever is first; one with
/// fewer than 20 requests goes on, up to 10 seconds. Of the requests in it:
///
/// | symbol | meaning |
/// |---|---|
/// | `n(r)` | arrivals of rank `r`, with those that were refused |
/// | `a` | those that got a permit |
/// | `w` | the mean wait in the queue, of those that got a permit and of those that waited in vain |
/// | `h` | the share that the limit refused, of arrivals that were not below the cut-off |
/// | `u` | the same share of any level that has a lower one of which a request got a permit; the largest |
///
/// ```text
/// overloaded = w > 20 ms or h > 5 % or u > 0.1 %
/// expected   = a × (1 - 5 %)                     if overloaded
///              a + max(a × 1 %, 1) × 2^k         otherwise, after k windows without overload in a
///                                                row; k is at most 6
/// cut-off    = the lowest rank r whose higher ranks had fewer than `expected` arrivals; not lower
///              than before if overloaded, and not higher otherwise
/// ```
///
/// So a step sheds a share of the load, however the load is spread over the
/// ranks. `a` never exceeds what the service could do, so the cut-off settles
/// after one window however large the overload is. Steps upwards start at 1 %,
/// and double in calm times, so that a service recovers within ten
/// windows. The highest rank that has requests is never below the cut-off.
///
/// Windows, the 20 ms, the 5 % in `expected` and the 1 % are those of DAGOR,
/// Algorithm 1 (Zhou et al., "Overload Control for Scaling WeChat
/// Microservices", 2018). There are three differences:
///
/// * DAGOR adds 1 % of the arrivals and not of the admitted. In an overload of
///   ten times the capacity that is 10 % of it at once.
/// * DAGOR's steps do not double, so it takes a minute to admit twice as much.
/// * A limiter without a queue has no wait. There, `h` and `u` are the signal:
///   `h` leaves room for the refusals that a random load has at 90 % of 50
///   permits (by Erlang's formula B), and `u` for those that no sheddable
///   request causes.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::concurrency::CutOff;
///
/// // A service whose requests take milliseconds.
/// let cut_off = CutOff::new().target_wait(Duration::from_millis(2));
/// # let _ = cut_off;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct CutOff {
    /// The longest mean wait without overload.
    pub(super) target_wait: Tick,
    /// The length of a window.
    pub(super) window: Tick,
}

impl CutOff {
    /// Returns the default settings: a mean wait of up to 20 ms, in windows of
    /// 1 second.
    pub const fn new() -> Self {
        Self {
            target_wait: 20_000,
            window: 1_000_000,
        }
    }

    /// Sets the longest mean wait in the queue that is not an overload. The
    /// default is 20 ms.
    ///
    /// # Panics
    ///
    /// If it is below a microsecond.
    #[track_caller]
    pub fn target_wait(self, wait: Duration) -> Self {
        let target_wait = valid(at_least("target_wait", wait, 1, "at least 1 µs"));
        Self {
            target_wait,
            ..self
        }
    }

    /// Sets how long a window is, unless 2,000 requests end it before. The
    /// default is 1 second, which is also the least.
    ///
    /// # Panics
    ///
    /// If it is below a second.
    #[track_caller]
    pub fn window(self, window: Duration) -> Self {
        let window = valid(at_least("window", window, 1_000_000, "at least 1 s"));
        Self { window, ..self }
    }
}

impl Default for CutOff {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a duration in ticks if it is long enough.
fn at_least(
    field: &'static str,
    time: Duration,
    least: Tick,
    allowed: &'static str,
) -> Result<Tick, InvalidSetting> {
    match ticks(time) {
        ticks if ticks < least => Err(InvalidSetting::new(field, format!("{time:?}"), allowed)),
        ticks => Ok(ticks),
    }
}
