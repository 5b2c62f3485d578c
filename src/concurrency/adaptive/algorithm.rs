//! The contract of an algorithm that finds a limit, and what it learns from.

use std::{fmt, time::Duration};

/// Finds a limit by how long requests take.
///
/// An algorithm is a function of the limit and of a window of samples.
/// [`Adaptive`](super::Adaptive) collects the samples, keeps the result between
/// its bounds, and moves the limit. To write your own, implement one method:
///
/// ```
/// use std::time::Duration;
/// use sluicegate::concurrency::{Adaptive, Algorithm, Local, Sample};
///
/// /// One more while requests take at most 50 ms, one less otherwise.
/// #[derive(Debug)]
/// struct Step;
///
/// impl Algorithm for Step {
///     fn next(&mut self, limit: f64, sample: &Sample) -> f64 {
///         match sample.took {
///             Some(took) if took <= Duration::from_millis(50) => limit + 1.0,
///             _ => limit - 1.0,
///         }
///     }
/// }
///
/// let permits = Local::adaptive(Adaptive::by(Step).max(500));
/// assert_eq!(permits.load().limit, 20);
/// ```
pub trait Algorithm: fmt::Debug + Send + 'static {
    /// Returns the next limit, of which the whole part is used. Called once at
    /// the end of each window, on the path of the request that ends it, so it
    /// should be quick. It must not panic, nor ask the limiter. A result that is
    /// not a number changes nothing.
    fn next(&mut self, limit: f64, sample: &Sample) -> f64;

    /// Returns the duration that it takes for that of a service without load,
    /// for metrics; `None` if it has none.
    fn baseline(&self) -> Option<Duration> {
        None
    }
}

/// The requests that ended in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// How long requests took that ended in the window: the mean, or the
    /// percentile that was [set](super::Adaptive::percentile). `None` if none
    /// of them counts.
    pub took: Option<Duration>,
    /// How many requests that is.
    pub count: u32,
    /// The mean of the permits in flight when these requests were admitted, each
    /// with its own.
    pub in_flight: f64,
    /// The most of them.
    pub most_in_flight: u32,
    /// Whether a request met an overload: its deadline passed, or a service
    /// behind this one refused it.
    pub is_overloaded: bool,
    /// Whether the limit was the [lowest](super::Adaptive::min) that is allowed.
    pub is_lowest: bool,
}

impl Sample {
    /// A window with requests that took this long, and this many in flight.
    pub fn new(took: Duration, in_flight: u32) -> Self {
        Self {
            took: Some(took),
            count: 1,
            in_flight: in_flight.into(),
            most_in_flight: in_flight,
            ..Self::default()
        }
    }

    /// The same window, in which a request met an overload.
    #[must_use]
    pub fn overloaded(self) -> Self {
        Self {
            is_overloaded: true,
            ..self
        }
    }

    /// Returns whether so few permits were in flight that the limit was not
    /// needed: fewer than half of it. A limit that is not needed does not grow,
    /// because nothing shows that the service could bear more.
    pub fn is_unused(&self, limit: f64) -> bool {
        f64::from(self.most_in_flight) * 2.0 < limit.floor()
    }
}
