//! The settings of a limit that moves by itself.

use std::{num::NonZero, thread, time::Duration};

#[cfg(feature = "redis")]
use super::fleet::AdaptiveFleet;
use super::{algorithm::Algorithm, window::SampleWindow};
use crate::{
    clock::ticks,
    concurrency::gate::MAX_LIMIT,
    error::{InvalidSetting, valid},
};

/// The highest limit unless another is set.
const DEFAULT_MAX: u32 = 200;
/// How old a window is at least, unless another age is set.
const DEFAULT_WINDOW: Duration = Duration::from_millis(250);
const LONGEST_WINDOW: Duration = Duration::from_secs(60);

/// A limit that moves by itself: how it is found, and its bounds.
///
/// Begin with [`Adaptive::gradient`] or [`Adaptive::aimd`], or with an
/// [`Algorithm`] of your own.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::concurrency::{Adaptive, Local, Queue};
///
/// // From 20 on, between the number of processors and 200.
/// let api = Local::adaptive(Adaptive::gradient());
///
/// let reports = Local::builder(50)
///     .name("reports")
///     .queue(Queue::new(10))
///     .build_adaptive(Adaptive::aimd().min(10).max(500).percentile(0.5));
/// assert_eq!(reports.load().limit, 50);
/// ```
///
/// # Fixed or adaptive
///
/// A fixed limit that fits the service is the best one: take it where the capacity
/// is known and stays, such as that of a pool of connections. An adaptive limit
/// needs no number, and follows the service when it changes. In simulations of 50
/// workers that take 50 ms each, from the change in the first column on, for five
/// minutes:
///
/// | change | limit | served in time, of the possible | median | p99 |
/// |---|---|---|---|---|
/// | load of three times the capacity | none | 0 % | 305 s | 603 s |
/// | | fixed, 50 | 99 % | 51 ms | 60 ms |
/// | | fixed, 200 | 99 % | 202 ms | 215 ms |
/// | | gradient | 99 % | 156 ms | 213 ms |
/// | | aimd, slow after 100 ms | 99 % | 96 ms | 111 ms |
/// | work takes three times as long | fixed, 50 | 99 % | 151 ms | 180 ms |
/// | | fixed, 200 | 100 % | 601 ms | 640 ms |
/// | | gradient | 100 % | 327 ms | 592 ms |
/// | | aimd, slow after 100 ms | 5 % | 157 ms | 432 ms |
/// | work takes a third of the time | fixed, 50 | 91 % | 17 ms | 20 ms |
/// | | fixed, 200 | 100 % | 34 ms | 68 ms |
/// | | gradient | 100 % | 33 ms | 65 ms |
/// | | aimd, slow after 100 ms | 100 % | 33 ms | 68 ms |
///
/// A client waits for a second. The table is printed by
/// `SLUICEGATE_SIMULATION=long cargo test -p tests --test overload an_adaptive -- --nocapture`.
/// It shows the weakness of each: a bound for slow requests (aimd) is a number
/// after all, and a gradient lets the queue grow inside of the service in an
/// overload that lasts.
///
/// # Which requests count
///
/// The layer tells the limit of each request that ends:
///
/// | the request | counts as |
/// |---|---|
/// | was answered, also with a status of 5xx other than 503 and 504 | a duration, to the end of its body, or to its head with `release_at_head` |
/// | passed its deadline, or was answered with 503, 504 or gRPC's UNAVAILABLE | an overload |
/// | was answered with 4xx, or with another error of the client in gRPC | nothing, because a refusal is quick and would make the service look fast |
/// | was dropped, as by a client that went away | nothing |
/// | is an upgrade, or a stream: events (`text/event-stream`), or gRPC with more than one message | nothing |
/// | has [`Uncounted`](crate::concurrency::Uncounted) among the extensions of its response | nothing |
///
/// A stream of gRPC is known by its second message, so one that ends before counts
/// with its full length. Streams of gRPC-Web are not known at all. Mark such
/// responses, and those to streams of the client; or give streams a limiter of
/// their own with a fixed limit, because they take up permits of this one as long
/// as their callers like.
///
/// # One limit for each kind of work
///
/// A route that takes a millisecond and one that takes a second have no common
/// duration: if the mix changes, the mean does, and the limit with it. Give each
/// group of routes with a cost of its own a limiter of its own.
///
/// # Windows
///
/// A window ends once it is 250 ms old and has 10 samples, or after a second
/// with fewer. The limit moves at the end of a window, by what the algorithm
/// says, within the bounds. Windows end when requests end, so nothing moves
/// without requests.
#[derive(Clone, Debug)]
pub struct Adaptive<A> {
    pub(super) algorithm: A,
    pub(super) min: u32,
    pub(super) max: u32,
    window: Duration,
    percentile: Option<f64>,
    #[cfg(feature = "redis")]
    fleet: Option<AdaptiveFleet>,
}

/// The duration of requests now and without load, by which a limit was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// How long requests took in the last window with any.
    pub short: Option<Duration>,
    /// The duration that the algorithm takes for that without load, such as the long
    /// mean of the gradient.
    pub long: Option<Duration>,
}

impl<A: Algorithm> Adaptive<A> {
    /// Limits by an algorithm of your own.
    pub fn by(algorithm: A) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            algorithm,
            min: u32::try_from(cores).unwrap_or(DEFAULT_MAX).min(DEFAULT_MAX),
            max: DEFAULT_MAX,
            window: DEFAULT_WINDOW,
            percentile: None,
            #[cfg(feature = "redis")]
            fleet: None,
        }
    }

    /// Sets the lowest limit: the number of processors unless it is set.
    ///
    /// # Panics
    ///
    /// If it is 0 or above 2^24 - 1.
    #[must_use]
    #[track_caller]
    pub fn min(mut self, min: u32) -> Self {
        self.min = valid(bound("min", min));
        self.max = self.max.max(min);
        self
    }

    /// Sets the highest limit: 200 unless it is set.
    ///
    /// # Panics
    ///
    /// If it is 0 or above 2^24 - 1.
    #[must_use]
    #[track_caller]
    pub fn max(mut self, max: u32) -> Self {
        self.max = valid(bound("max", max));
        self.min = self.min.min(max);
        self
    }

    /// Sets how old a window is at its end, if it has 10 samples: 250 ms unless
    /// it is set. One with fewer ends when it is four times as old.
    ///
    /// # Panics
    ///
    /// If it is below 1 ms or above 60 s.
    #[must_use]
    #[track_caller]
    pub fn window(mut self, age: Duration) -> Self {
        let is_valid = (Duration::from_millis(1)..=LONGEST_WINDOW).contains(&age);
        self.window = valid(match is_valid {
            true => Ok(age),
            false => {
                let age = format_args!("{age:?}");
                Err(InvalidSetting::new("window", age, "1 ms to 60 s"))
            }
        });
        self
    }

    /// Takes this percentile of the durations in a window, such as 0.5, in place
    /// of their mean, so that a few slow requests do not lower the limit. It is
    /// exact to an eighth.
    ///
    /// # Panics
    ///
    /// If it is not above 0 and at most 1.
    #[must_use]
    #[track_caller]
    pub fn percentile(mut self, percentile: f64) -> Self {
        let is_valid = percentile > 0.0 && percentile <= 1.0;
        self.percentile = Some(valid(match is_valid {
            true => Ok(percentile),
            false => Err(InvalidSetting::new(
                "percentile",
                percentile,
                "above 0 and at most 1",
            )),
        }));
        self
    }

    /// Lets the limit learn from those of a fleet: a new instance begins with
    /// their median, and all may be bounded together.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    #[must_use]
    pub fn fleet(mut self, fleet: &AdaptiveFleet) -> Self {
        self.fleet = Some(fleet.clone());
        self
    }

    /// Returns the fleet that it learns from.
    #[cfg(feature = "redis")]
    pub(in crate::concurrency) fn its_fleet(&self) -> Option<&AdaptiveFleet> {
        self.fleet.as_ref()
    }

    /// Returns the highest limit before a fleet has told one, if it will.
    pub(super) fn initial_bound(&self, limit: u32) -> Option<u32> {
        #[cfg(feature = "redis")]
        if let Some(fleet) = &self.fleet {
            return fleet.initial_bound(limit);
        }
        let _ = limit;
        None
    }

    /// Returns the lowest and the highest limit while a fleet allows so much.
    pub(super) fn range(&self, bound: Option<u32>) -> (u32, u32) {
        let max = bound.map_or(self.max, |bound| bound.min(self.max));
        (self.min.min(max), max)
    }

    /// Makes the first window.
    pub(super) fn open_window(&self) -> SampleWindow {
        SampleWindow::new(ticks(self.window), self.percentile)
    }
}

fn bound(field: &'static str, limit: u32) -> Result<u32, InvalidSetting> {
    match (1..=MAX_LIMIT).contains(&limit) {
        true => Ok(limit),
        false => Err(InvalidSetting::new(field, limit, "1 to 2^24 - 1")),
    }
}
