//! The settings of a cut-off, which users give to the builder of a limiter.

use std::time::Duration;

#[cfg(feature = "redis")]
use super::fleet::FleetCutOff;
#[cfg(feature = "redis")]
use crate::redis::Connection;
use crate::{
    clock::{Tick, ticks},
    concurrency::priority::rank::Rank,
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
/// | `k` | the arrivals that were not below the cut-off |
/// | `a` | the requests that got a permit |
/// | `w(L)` | the mean wait in the queue of level `L` and those above it, of requests that got a permit or waited in vain |
/// | `h(L)` | the share that the limit refused, of the arrivals of level `L` and those above it that were not below the cut-off |
/// | `u(L)` | the share of level `L` that the limit refused, if a request of a lower level got a permit |
///
/// ```text
/// overloaded = w(L) > 20 ms or h(L) > 20 % or u(L) > 0.1 %, for some level L
/// expected   = min(k × (1 - 5 %), a × (1 + 20 %))     if overloaded; a × (1 - 5 %) in place of
///                                                     the latter if it is by u(L)
///              k + max(k × 1 %, 1) × 2^n              otherwise, after n windows without overload
///                                                     in a row; n is at most 6
/// cut-off    = the lowest rank of which the higher ranks had fewer than `expected` arrivals
/// ```
///
/// The cut-off does not fall in an overload, and does not rise otherwise. It
/// sheds no level above the highest `L` of `w` and `h`, and none from the highest
/// `L` of `u` on: a level that the service can serve is not shed because of
/// those below. The highest rank that has requests is never below the cut-off.
///
/// A step sheds a share of the load, however the load is spread over the ranks.
/// Because `a` never exceeds what the service can do, the first step of a large
/// overload is as large as the overload, and the following ones are of 5 %.
/// Steps in the other direction start at 1 %, and double in calm times, so that
/// a service recovers within ten windows.
///
/// Windows, the 20 ms, the 5 % and the 1 % are those of DAGOR, Algorithm 1 (Zhou
/// et al., "Overload Control for Scaling WeChat Microservices", 2018). There
/// are these differences:
///
/// * DAGOR adds 1 % of all arrivals, which is 10 % of the capacity at once in an
///   overload of ten times.
/// * DAGOR's steps do not double, so it takes more than a minute to admit twice
///   as much. They have no bound by `a`, so it takes 50 windows to admit a tenth.
/// * A limiter without a queue has no wait, and `Sheddable` requests never wait.
///   There, `h` and `u` are the signal. `h` leaves room for the refusals that
///   keep the permits busy, and `u` for those that no lower level causes.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::concurrency::CutOff;
///
/// // A service whose requests take milliseconds.
/// let cut_off = CutOff::new().target_wait(Duration::from_millis(2));
/// # let _ = cut_off;
/// ```
/// # An operator's cut-off
///
/// With `fleet` (feature `redis`), operators degrade a whole fleet by one
/// command, at times when the instances do not notice an overload themselves:
///
/// ```text
/// redis-cli SET 'sluicegate:{api}:cut-off' sheddable EX 60
/// ```
///
/// Then all instances refuse `sheddable` requests for a minute. The value is the
/// highest level that is refused: `sheddable`, `sheddable-plus` or `critical`; no
/// value refuses `critical-plus`. `DEL` ends it sooner, and `GET` and `TTL` show
/// it. See `CutOff::fleet`.
#[derive(Clone, Debug)]
#[must_use]
pub struct CutOff {
    /// The longest mean wait without overload.
    pub(super) target_wait: Tick,
    /// The length of a window.
    pub(super) window: Tick,
    /// `None` if operators set no cut-off.
    #[cfg(feature = "redis")]
    fleet: Option<FleetCutOff>,
}

impl CutOff {
    /// Returns the default settings: a mean wait of up to 20 ms, in windows of
    /// 1 second.
    pub const fn new() -> Self {
        Self {
            target_wait: 20_000,
            window: 1_000_000,
            #[cfg(feature = "redis")]
            fleet: None,
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

    /// Lets operators set a cut-off for all instances of a fleet, by the key
    /// `{prefix}:{{name}}:cut-off` in Redis. The prefix is that of the connection,
    /// `sluicegate` unless it is set.
    ///
    /// The cut-off of an instance is the higher of its own and the operators'. No
    /// instance writes the key, so one that is in trouble sheds nothing of the
    /// others.
    ///
    /// Each instance reads the key once a second in the background, by one
    /// command for all clones of these settings. It takes effect with the next
    /// request after that, and ends with the key. While Redis does not answer, it
    /// ends at the time to live that was read last; without one, after a minute;
    /// and after a day in any case. A value that cannot be read counts as
    /// none, and is logged once. Changes are logged as well.
    ///
    /// The user needs `GET` and `PTTL`.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::concurrency::{ConcurrencyLayer, CutOff, Local, Priority};
    ///
    /// let layer = ConcurrencyLayer::new(Local::new(100))
    ///     .cut_off(CutOff::new().fleet(connection, "api"))
    ///     .priority(Priority::header());
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn fleet(self, connection: &Connection, name: &str) -> Self {
        let fleet = Some(FleetCutOff::watch(connection, name));
        Self { fleet, ..self }
    }

    /// Returns the lowest rank that operators let pass.
    #[inline]
    pub(super) fn of_operators(&self) -> Rank {
        #[cfg(feature = "redis")]
        if let Some(fleet) = &self.fleet {
            return fleet.rank();
        }
        Rank::LOWEST
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
