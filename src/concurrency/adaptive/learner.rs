//! Moves the limit of a gate: counts its samples, and asks the algorithm at the
//! end of each window.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::{
    adaptive::{Adaptive, Estimate},
    algorithm::{Algorithm, Sample},
    window::Window,
};
use crate::{
    clock::{Tick, ticks},
    concurrency::gate::{Gate, Owner, Work, WorkEnd},
    sync::{Mutex, lock, try_lock},
};

/// Finds the limit of one gate.
pub(crate) struct Learner<A> {
    /// The origin of the times of windows.
    started: Instant,
    window: Window,
    state: Mutex<State<A>>,
    /// Apart from the state, which is locked while an algorithm works.
    estimate: Mutex<Estimate>,
}

/// What is carried from window to window.
struct State<A> {
    adaptive: Adaptive<A>,
    /// The limit with its fraction, which the next window adds to.
    limit: f64,
}

impl<A: Algorithm> Learner<A> {
    /// Begins with this limit.
    pub(crate) fn new(adaptive: Adaptive<A>, limit: u32) -> Self {
        let window = adaptive.open_window();
        let limit = adaptive.clamped(limit.into());
        let state = State { adaptive, limit };
        Self {
            started: Instant::now(),
            window,
            state: Mutex::new(state),
            estimate: Mutex::default(),
        }
    }

    /// Returns the limit to begin with, within the bounds.
    pub(crate) fn limit(&self) -> u32 {
        lock(&self.state).limit as u32
    }

    fn tick(&self, at: Instant) -> Tick {
        ticks(at.saturating_duration_since(self.started))
    }

    /// Ends the window and moves the limit, unless another thread does.
    ///
    /// The lock is held until the gate has its limit, so that of two windows the
    /// later one counts.
    #[cold]
    fn close(&self, gate: &Arc<Gate>, now: Tick) {
        let Some(mut state) = try_lock(&self.state) else {
            return;
        };
        // Another thread may have closed it since.
        if self.window.has_ended(now) {
            let before = gate.load().limit;
            let sample = self.window.close(now);
            let limit = state.next(sample, before);
            let mut estimate = lock(&self.estimate);
            estimate.short = sample.took.or(estimate.short);
            estimate.long = state.adaptive.algorithm.baseline();
            drop(estimate);
            if limit != before {
                gate.set_limit(limit);
            }
        }
    }
}

impl<A: Algorithm> State<A> {
    /// Returns the next limit, from the one that the gate has.
    fn next(&mut self, mut sample: Sample, before: u32) -> u32 {
        // The application may have moved it.
        if before != self.limit as u32 {
            self.limit = before.into();
        }
        sample.is_lowest = self.limit as u32 == self.adaptive.min;
        let next = self.adaptive.algorithm.next(self.limit, &sample);
        if !next.is_nan() {
            self.limit = self.adaptive.clamped(next);
        }
        self.limit as u32
    }
}

impl<A: Algorithm> Owner for Learner<A> {
    fn is_timed(&self) -> bool {
        true
    }

    #[inline]
    fn ended(&self, gate: &Arc<Gate>, work: Work) {
        match work.end {
            WorkEnd::Whole => self.window.record(work.took, work.in_flight),
            WorkEnd::Overloaded => self.window.overloaded(),
            WorkEnd::Failed | WorkEnd::Ignored => return,
        }
        let now = self.tick(work.at);
        if self.window.has_ended(now) {
            self.close(gate, now);
        }
    }

    fn estimate(&self) -> Option<Estimate> {
        Some(*lock(&self.estimate))
    }
}

impl<A: fmt::Debug> fmt::Debug for Learner<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Learner")
            .field("adaptive", &state.adaptive)
            .field("limit", &state.limit)
            .finish_non_exhaustive()
    }
}
