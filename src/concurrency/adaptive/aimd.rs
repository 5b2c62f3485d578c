//! Additive increase, multiplicative decrease.

use std::time::Duration;

use super::{
    adaptive::Adaptive,
    algorithm::{Algorithm, Sample},
};
use crate::error::{InvalidSetting, valid};

/// Grows by one a window, and shrinks by a share after an overload. See
/// [`Adaptive::aimd`].
#[derive(Clone, Copy, Debug)]
pub struct Aimd {
    backoff: f64,
    slow_after: Duration,
}

impl Adaptive<Aimd> {
    /// Grows the limit by 1 after each window without an overload in which at
    /// least half of it was in flight, and multiplies it by 0.9 after a window
    /// with one. Use it where a service says that it is overloaded: by deadlines
    /// that pass, or by refusals of the services behind it.
    ///
    /// It is the way in which TCP finds its window (Chiu and Jain, "Analysis of
    /// the Increase and Decrease Algorithms for Congestion Avoidance", 1989),
    /// with the constants of `AIMDLimit` in Netflix's `concurrency-limits`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::concurrency::{Adaptive, Local};
    ///
    /// // A window in which requests took more than a second counts as overloaded.
    /// let aimd = Adaptive::aimd().backoff(0.8).slow_after(Duration::from_secs(1));
    /// let permits = Local::adaptive(aimd);
    /// # let _ = permits;
    /// ```
    pub fn aimd() -> Self {
        Self::by(Aimd {
            backoff: 0.9,
            slow_after: Duration::from_secs(5),
        })
    }

    /// Sets the factor after an overload: 0.9 unless it is set.
    ///
    /// # Panics
    ///
    /// If it is below 0.5, or not below 1.
    #[must_use]
    #[track_caller]
    pub fn backoff(mut self, factor: f64) -> Self {
        self.algorithm.backoff = valid(match (0.5..1.0).contains(&factor) {
            true => Ok(factor),
            false => Err(InvalidSetting::new("backoff", factor, "0.5 to below 1")),
        });
        self
    }

    /// Sets the duration of a window beyond which it counts as one with an
    /// overload: 5 s unless it is set.
    #[must_use]
    pub fn slow_after(mut self, took: Duration) -> Self {
        self.algorithm.slow_after = took;
        self
    }
}

impl Algorithm for Aimd {
    fn next(&mut self, limit: f64, sample: &Sample) -> f64 {
        let is_slow = sample.took.is_some_and(|took| took > self.slow_after);
        if sample.is_overloaded || is_slow {
            return limit * self.backoff;
        }
        match sample.is_unused(limit) {
            true => limit,
            false => limit + 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_adds_one_or_takes_a_tenth() {
        let mut it = Adaptive::aimd().algorithm;
        assert_eq!(it.next(50.0, &Sample::new(MS, 25)), 51.0);
        assert_eq!(it.next(50.0, &Sample::new(MS, 24)), 50.0);
        assert_eq!(it.next(50.0, &Sample::new(MS, 24).overloaded()), 45.0);
        assert_eq!(it.next(50.0, &Sample::new(5_001 * MS, 50)), 45.0);
    }

    #[test]
    #[should_panic(expected = "invalid backoff 1: must be 0.5 to below 1")]
    fn a_factor_that_takes_nothing_is_refused() {
        let _ = Adaptive::aimd().backoff(1.0);
    }
}
