//! The gradient algorithm: compares how long requests take now with how long
//! they take in the long run.

use std::time::Duration;

use super::{
    adaptive::Adaptive,
    algorithm::{Algorithm, Sample},
    mean::Mean,
};
use crate::error::{InvalidSetting, valid};

/// The weight of a window in the long mean: that of 600 windows.
const LONG_WEIGHT: f64 = 1.0 / 600.0;
/// The weight while the long mean follows a service that has become slower.
const QUICK_WEIGHT: f64 = 1.0 / 8.0;
/// The part to which the requests in flight fall before a descent is judged.
const DESCENT: f64 = 0.85;
/// How many times as long as now requests take in the long run, before the long
/// mean is corrected.
const STALE: f64 = 2.0;
/// The correction of a long mean that is stale.
const CORRECTION: f64 = 0.95;
/// The least gradient.
const STEEPEST: f64 = 0.5;
/// The weight of the new limit beside the old one.
const SMOOTHING: f64 = 0.2;
/// The factor after a window with an overload.
const BACKOFF: f64 = 0.9;
/// The least number of requests that may wait inside of the service.
const MIN_QUEUE: f64 = 4.0;

/// The algorithm "Gradient2" of Netflix, with three changes. See
/// [`Adaptive::gradient`].
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    tolerance: f64,
    long: Mean,
    /// Where the limit began to fall.
    descent: Option<Descent>,
    /// Whether the service has become slower, so that the long mean has to
    /// follow.
    is_following: bool,
}

/// Where a limit began to fall.
#[derive(Clone, Copy, Debug)]
struct Descent {
    limit: f64,
    /// The most requests in flight since then, and how long those took that
    /// were admitted among so many.
    in_flight: f64,
    short: Duration,
}

impl Adaptive<Gradient> {
    /// Limits by the gradient between how long requests take in the long run and
    /// how long they take now. Use it where the service has no errors of
    /// overload to learn from, but becomes slow.
    ///
    /// At the end of each window, with `short` for the duration in the window
    /// and `long` for its mean over 600 windows (of the first 10, the plain
    /// mean):
    ///
    /// ```text
    /// if long / short > 2:  long = long * 0.95
    /// gradient = clamp(tolerance * long / short, 0.5, 1)
    /// next     = limit * gradient + max(4, sqrt(limit))
    /// limit    = 0.8 * limit + 0.2 * next
    /// if any request met an overload: limit = min(limit, 0.9 * limit before)
    /// ```
    ///
    /// The limit does not grow while fewer than half of it are in flight. The
    /// formula and its constants are those of Gradient2 in Netflix's
    /// `concurrency-limits`, except for three:
    ///
    /// * The room to grow is that of the older `Gradient`, `sqrt(limit)`, if
    ///   that is more than 4, so that a large limit is found in the same time
    ///   as a small one.
    /// * An overload lowers the limit. Gradient2 ignores it.
    /// * A limit that falls is judged once requests end that were admitted among
    ///   15 % fewer in flight. If requests wait for each other, these
    ///   have been quicker. If `short` has fallen by less than half of that, the
    ///   service itself has become slower: less work at once does not make it
    ///   faster, and only wastes its workers. Then the limit goes back to where it
    ///   began to fall, and `long` follows `short` with a weight of 1/8 until the
    ///   gradient is 1. Gradient2 takes minutes for that, with a limit that is
    ///   too low meanwhile.
    ///
    /// A service behind this one that others overload looks like a slower
    /// service, too. It should say so, with 503, which counts as an overload.
    ///
    /// An overload that lasts for minutes is slowly mistaken for the normal
    /// state, because `long` follows `short`. So set [`max`](Adaptive::max) to the
    /// most that the service should ever have in flight.
    pub fn gradient() -> Self {
        Self::by(Gradient {
            tolerance: 1.5,
            long: Mean::default(),
            descent: None,
            is_following: false,
        })
    }

    /// Sets how many times as long as in the long run requests may take before
    /// the limit shrinks: 1.5 unless it is set.
    ///
    /// # Panics
    ///
    /// If it is below 1 or above 100.
    #[must_use]
    #[track_caller]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        let is_valid = (1.0..=100.0).contains(&tolerance);
        self.algorithm.tolerance = valid(match is_valid {
            true => Ok(tolerance),
            false => Err(InvalidSetting::new("tolerance", tolerance, "1 to 100")),
        });
        self
    }
}

impl Gradient {
    /// Learns how long requests take in the long run.
    fn learn(&mut self, short: Duration) {
        self.is_following &= self.gradient(short) < 1.0;
        let weight = match self.is_following {
            true => QUICK_WEIGHT,
            false => LONG_WEIGHT,
        };
        self.long.add(short, weight);
        if self.long.seconds() > STALE * short.as_secs_f64() {
            self.long.scale(CORRECTION);
        }
    }

    /// Returns how far `short` is from what is tolerated: 1 if it is not above
    /// it.
    fn gradient(&self, short: Duration) -> f64 {
        match short.is_zero() {
            // A service that takes no time is not slow.
            true => 1.0,
            false => {
                let ratio = self.long.seconds() / short.as_secs_f64();
                (self.tolerance * ratio).clamp(STEEPEST, 1.0)
            }
        }
    }

    /// Returns the limit by the durations alone.
    fn by_durations(&mut self, limit: f64, short: Duration, sample: &Sample) -> f64 {
        self.learn(short);
        let gradient = self.gradient(short);
        if gradient >= 1.0 {
            self.descent = None;
        } else if let Some(before) = self.judge(limit, short, sample) {
            return before;
        }
        let queue = limit.sqrt().max(MIN_QUEUE);
        let next = limit * gradient + queue;
        limit + (next - limit) * SMOOTHING
    }

    /// Judges a limit that falls. Returns the limit at which it began to fall, if
    /// that has not made the service faster.
    fn judge(&mut self, limit: f64, short: Duration, sample: &Sample) -> Option<f64> {
        let in_flight = sample.in_flight;
        let now = Descent {
            limit,
            in_flight,
            short,
        };
        let begin = self.descent.get_or_insert(now);
        if in_flight >= begin.in_flight {
            (begin.in_flight, begin.short) = (in_flight, short);
            // It cannot fall any further.
            self.is_following |= sample.is_lowest;
            return None;
        }
        let fallen = in_flight / begin.in_flight;
        if fallen > DESCENT && !sample.is_lowest {
            return None;
        }
        let begin = self.descent.replace(now)?;
        let is_faster = short.as_secs_f64() < begin.short.as_secs_f64() * (1.0 + fallen) / 2.0;
        if is_faster {
            return None;
        }
        self.is_following = true;
        self.descent = None;
        Some(begin.limit)
    }
}

impl Algorithm for Gradient {
    fn next(&mut self, limit: f64, sample: &Sample) -> f64 {
        let mut next = match sample.took {
            Some(short) => self.by_durations(limit, short, sample),
            None => limit,
        };
        if sample.is_unused(limit) {
            next = next.min(limit);
        }
        match sample.is_overloaded {
            true => next.min(limit * BACKOFF),
            false => next,
        }
    }

    fn baseline(&self) -> Option<Duration> {
        self.long.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn gradient() -> Gradient {
        Adaptive::gradient().algorithm
    }

    /// Runs windows of a service that works at `capacity` requests at once, each
    /// of which takes `base`, with all of the limit in use.
    fn run(it: &mut Gradient, mut limit: f64, base: Duration, capacity: f64, windows: u32) -> f64 {
        for _ in 0..windows {
            let took = base.mul_f64((limit / capacity).max(1.0));
            limit = it.next(limit, &Sample::new(took, limit as u32)).max(1.0);
        }
        limit
    }

    #[test]
    fn a_limit_grows_until_requests_take_half_as_long_again() {
        let limit = run(&mut gradient(), 20.0, 50 * MS, 100.0, 120);
        assert!((100.0..200.0).contains(&limit), "{limit}");
    }

    #[test]
    fn one_step_is_the_formula() {
        let mut it = gradient();
        (0..10).for_each(|_| _ = it.next(1.0, &Sample::new(100 * MS, 1)));
        // 1.5 * 100 / 300 is 0.5. The mean moves by a 600th: to 100.333 ms.
        let next = it.next(100.0, &Sample::new(300 * MS, 100));
        let gradient = 1.5 * (100.0 + 200.0 / 600.0) / 300.0;
        let expected = 0.8 * 100.0 + 0.2 * (100.0 * gradient + 10.0);
        assert!((next - expected).abs() < 1e-9, "{next} {expected}");
    }

    #[test]
    fn a_limit_that_is_not_needed_does_not_grow_but_may_shrink() {
        let mut it = gradient();
        assert_eq!(it.next(100.0, &Sample::new(50 * MS, 49)), 100.0);
        assert!(it.next(100.0, &Sample::new(50 * MS, 50)) > 100.0);
        assert!(it.next(100.0, &Sample::new(500 * MS, 49)) < 100.0);
    }

    #[test]
    fn an_overload_takes_a_tenth_once_a_window() {
        let mut it = gradient();
        let sample = Sample::new(50 * MS, 100).overloaded();
        assert_eq!(it.next(100.0, &sample), 90.0);
        let only_overload = Sample {
            took: None,
            ..sample
        };
        assert_eq!(it.next(100.0, &only_overload), 90.0);
    }

    #[test]
    fn a_permanent_slow_down_is_learnt_and_the_limit_comes_back() {
        let mut it = gradient();
        let before = run(&mut it, 20.0, 50 * MS, 100.0, 400);
        let after = run(&mut it, before, 300 * MS, 100.0, 40);
        assert!(after > 100.0, "{after}");
        assert!(it.baseline().unwrap() > 150 * MS, "{:?}", it.baseline());
    }

    #[test]
    fn a_slower_service_keeps_at_least_half_of_its_workers_busy() {
        for capacity in [10.0, 50.0, 100.0] {
            let mut it = gradient();
            let mut limit = run(&mut it, 20.0, 50 * MS, capacity, 200);
            let mut lowest = limit;
            for _ in 0..200 {
                limit = run(&mut it, limit, 150 * MS, capacity, 1);
                lowest = lowest.min(limit);
            }
            assert!(lowest >= capacity / 2.0, "{lowest} of {capacity}");
        }
    }

    #[test]
    fn a_limit_that_makes_requests_quicker_goes_on_falling() {
        let mut it = gradient();
        run(&mut it, 20.0, 50 * MS, 1e9, 20);
        let mut limit = 200.0;
        for _ in 0..60 {
            let next = run(&mut it, limit, 50 * MS, 20.0, 1);
            assert!(next <= limit + 1.0, "{limit} {next}");
            limit = next;
        }
        assert!(limit < 45.0, "{limit}");
    }

    #[test]
    fn a_long_mean_from_a_slow_time_is_corrected() {
        let mut it = gradient();
        run(&mut it, 20.0, 1_000 * MS, 100.0, 100);
        run(&mut it, 20.0, 50 * MS, 1e9, 60);
        assert!(it.baseline().unwrap() <= 101 * MS, "{:?}", it.baseline());
    }

    #[test]
    fn a_service_that_takes_no_time_is_not_slow() {
        let next = gradient().next(20.0, &Sample::new(Duration::ZERO, 20));
        assert!(next.is_finite() && next > 0.0, "{next}");
    }
}
