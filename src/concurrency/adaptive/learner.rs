//! Moves the limit of a gate: counts its samples, and asks the algorithm at the
//! end of each window.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::{
    adaptive::{Adaptive, Estimate},
    algorithm::Algorithm,
    state::LimitState,
    window::SampleWindow,
};
#[cfg(feature = "redis")]
use crate::concurrency::{adaptive::fleet::InstanceReport, gate::Load};
use crate::{
    clock::{Tick, ticks},
    concurrency::gate::{Gate, Owner, Work, WorkEnd},
    sync::{Mutex, lock, try_lock},
};

/// Finds the limit of one gate.
pub(crate) struct Learner<A> {
    /// The origin of the times of windows.
    started: Instant,
    window: SampleWindow,
    state: Mutex<LimitState<A>>,
    /// Apart from the state, which is locked while an algorithm works.
    estimate: Mutex<Estimate>,
}

impl<A: Algorithm> Learner<A> {
    /// Begins with this limit.
    pub(crate) fn new(adaptive: Adaptive<A>, limit: u32) -> Self {
        let window = adaptive.open_window();
        let state = LimitState::new(adaptive, limit);
        Self {
            started: Instant::now(),
            window,
            state: Mutex::new(state),
            estimate: Mutex::default(),
        }
    }

    /// Returns the limit to begin with, within the bounds.
    pub(crate) fn limit(&self) -> u32 {
        lock(&self.state).limit()
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
            let sample = self.window.close(now);
            move_limit(gate, &mut state, |state| state.next(sample));
            let mut estimate = lock(&self.estimate);
            estimate.short = sample.took.or(estimate.short);
            estimate.long = state.baseline();
        }
    }
}

/// Changes a limit, from the one that the gate has, and sets it there.
fn move_limit<A: Algorithm, T>(
    gate: &Arc<Gate>,
    state: &mut LimitState<A>,
    change: impl FnOnce(&mut LimitState<A>) -> T,
) -> T {
    let before = gate.load().limit;
    state.adopt(before);
    let changed = change(state);
    if state.limit() != before {
        gate.set_limit(state.limit());
    }
    changed
}

/// The exchange with a fleet.
#[cfg(feature = "redis")]
impl<A: Algorithm> Learner<A> {
    /// Returns the report of this instance.
    pub(crate) fn report(&self, gate: &Gate) -> InstanceReport {
        let Load { limit, in_flight } = gate.load();
        let state = lock(&self.state);
        InstanceReport {
            in_flight,
            limit,
            took: lock(&self.estimate).short.filter(|_| state.is_learned()),
            want: state.want(limit, in_flight),
        }
    }

    /// Takes the bound of the fleet, and its median if the limit is new. Returns
    /// whether it took the median.
    pub(crate) fn join(&self, gate: &Arc<Gate>, median: Option<u32>, bound: Option<u32>) -> bool {
        let mut state = lock(&self.state);
        move_limit(gate, &mut state, |state| {
            state.set_bound(bound);
            median.is_some_and(|median| state.begin_with(median))
        })
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
        f.debug_struct("Learner")
            .field("state", &*lock(&self.state))
            .finish_non_exhaustive()
    }
}
