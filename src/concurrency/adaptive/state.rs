//! The limit, and what is carried from window to window.

use std::{fmt, time::Duration};

use super::{
    adaptive::Adaptive,
    algorithm::{Algorithm, Sample},
};

/// The windows with samples after which a limit is taken to be learned.
#[cfg(feature = "redis")]
const LEARNED_AFTER: u32 = 10;

/// A limit, its bounds and its algorithm.
pub(super) struct LimitState<A> {
    adaptive: Adaptive<A>,
    /// The limit with its fraction, which the next window adds to.
    limit: f64,
    /// The highest limit that a fleet allows, if it bounds this one.
    bound: Option<u32>,
    /// The windows that had samples; as many as it takes to learn a limit, if
    /// it began with the median of a fleet.
    windows: u32,
}

impl<A: Algorithm> LimitState<A> {
    /// Begins with this limit, within the bounds.
    pub(super) fn new(adaptive: Adaptive<A>, limit: u32) -> Self {
        let mut state = Self {
            limit: limit.into(),
            bound: adaptive.initial_bound(limit),
            adaptive,
            windows: 0,
        };
        state.clamp();
        state
    }

    /// Returns the whole part of the limit.
    pub(super) fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// Takes over the limit that the gate has, which the application may have
    /// moved.
    pub(super) fn adopt(&mut self, limit: u32) {
        if limit != self.limit() {
            self.limit = limit.into();
        }
    }

    /// Moves the limit by the requests of a window.
    pub(super) fn next(&mut self, mut sample: Sample) {
        let (min, _) = self.adaptive.range(self.bound);
        sample.is_lowest = self.limit() == min;
        self.windows = self.windows.saturating_add(sample.took.is_some().into());
        let next = self.adaptive.algorithm.next(self.limit, &sample);
        if !next.is_nan() {
            self.limit = next;
        }
        self.clamp();
    }

    /// Returns what the algorithm takes for the duration without load.
    pub(super) fn baseline(&self) -> Option<Duration> {
        self.adaptive.algorithm.baseline()
    }

    /// Moves the limit between its bounds.
    fn clamp(&mut self) {
        let (min, max) = self.adaptive.range(self.bound);
        self.limit = self.limit.clamp(min.into(), max.into());
    }
}

/// The limit in a fleet.
#[cfg(feature = "redis")]
impl<A: Algorithm> LimitState<A> {
    /// Returns whether the limit tells others anything: it began with a median,
    /// or it has ended enough windows of its own.
    pub(super) fn is_learned(&self) -> bool {
        self.windows >= LEARNED_AFTER
    }

    /// Returns how high the bound should be while the gate has this load.
    pub(super) fn want(&self, limit: u32, in_flight: u32) -> u32 {
        let (_, max) = self.adaptive.range(None);
        let is_bound = self.bound.is_some_and(|bound| limit >= bound);
        match is_bound && in_flight >= limit.div_ceil(2) {
            true => max,
            false => limit.saturating_add((limit / 4).max(4)).min(max),
        }
    }

    /// Takes the highest limit that the fleet allows.
    pub(super) fn set_bound(&mut self, bound: Option<u32>) {
        self.bound = bound;
        self.clamp();
    }

    /// Begins with the median of the fleet, unless the limit is learned.
    /// Returns whether it does.
    pub(super) fn begin_with(&mut self, median: u32) -> bool {
        let is_new = !self.is_learned();
        if is_new {
            self.windows = LEARNED_AFTER;
            self.limit = median.into();
            self.clamp();
        }
        is_new
    }
}

impl<A: fmt::Debug> fmt::Debug for LimitState<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitState")
            .field("adaptive", &self.adaptive)
            .field("limit", &self.limit)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use super::*;
    use crate::concurrency::adaptive::Aimd;

    fn limit_of(limit: u32) -> LimitState<Aimd> {
        LimitState::new(Adaptive::aimd().min(5).max(200), limit)
    }

    fn grow(state: &mut LimitState<Aimd>, windows: u32) {
        for _ in 0..windows {
            state.next(Sample::new(Duration::from_millis(1), 200));
        }
    }

    #[test]
    fn a_new_limit_begins_with_the_median_within_its_bounds() {
        for (median, expected) in [(60, 60), (1, 5), (1_000, 200)] {
            let mut state = limit_of(20);
            assert!(state.begin_with(median));
            assert_eq!(state.limit(), expected);
            assert!(state.is_learned());
        }
    }

    #[test]
    fn it_begins_with_a_median_once_and_only_while_it_is_new() {
        let mut state = limit_of(20);
        assert!(state.begin_with(60) && !state.begin_with(90));
        assert_eq!(state.limit(), 60);
        let mut learned = limit_of(20);
        grow(&mut learned, 9);
        assert!(!learned.is_learned());
        grow(&mut learned, 1);
        assert!(!learned.begin_with(60));
        assert_eq!(learned.limit(), 30);
    }

    #[test]
    fn a_bound_prevails_over_the_least_and_the_highest_limit() {
        let mut state = limit_of(20);
        state.set_bound(Some(3));
        assert_eq!(state.limit(), 3);
        grow(&mut state, 5);
        assert_eq!(state.limit(), 3);
        state.set_bound(Some(1_000));
        grow(&mut state, 500);
        assert_eq!(state.limit(), 200);
    }

    #[test]
    fn a_bound_in_use_wants_the_most_and_another_a_little_more() {
        let mut state = limit_of(40);
        assert_eq!(state.want(40, 40), 50);
        assert_eq!(state.want(8, 8), 12);
        assert_eq!(state.want(199, 199), 200);
        state.set_bound(Some(40));
        assert_eq!(state.want(40, 20), 200);
        assert_eq!(state.want(40, 19), 50);
        assert_eq!(state.want(39, 39), 48);
    }
}
