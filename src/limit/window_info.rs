//! The times of a window that do not follow from what is left in it. A decision
//! carries what they are worked out from, and reads them here.

use super::rules::{quota::Cost, remaining::Remaining};
use crate::clock::Tick;

/// From what the times of a window follow.
#[derive(Clone, Copy)]
pub(super) enum WindowInfo {
    Known {
        /// Ticks until more is left.
        more: Tick,
        /// Ticks in which the whole limit comes back.
        window: Tick,
    },
    Sliding {
        counts: SlidingCounts,
        /// Ticks in the window.
        width: Tick,
    },
}

impl WindowInfo {
    /// Returns the ticks until more is left than `remaining` tells. `reset` is
    /// the number of units until the bucket is whole.
    pub(super) fn more(&self, remaining: &Remaining, reset: u64) -> Tick {
        match self {
            Self::Known { more, .. } => *more,
            Self::Sliding { counts, width } => counts.more(remaining, *width, reset),
        }
    }

    /// Returns the ticks in which the whole limit comes back.
    pub(super) fn window(&self) -> Tick {
        match self {
            Self::Known { window, .. } => *window,
            Self::Sliding { width, .. } => *width,
        }
    }
}

/// How a sliding window is measured.
#[derive(Clone, Copy)]
pub(crate) struct WindowSize {
    /// The largest cost in a window.
    pub(crate) limit: Cost,
    /// Steps in a window.
    pub(crate) steps: u64,
    /// Ticks in a window.
    pub(crate) width: Tick,
}

/// The counts of a sliding window at the instant of a decision.
///
/// A decision carries them packed, so that the time until more is left costs its
/// divisions only when it is read.
#[derive(Clone, Copy)]
pub(crate) struct SlidingCounts {
    /// The count of the window before.
    pub(crate) previous: u32,
    /// The count of this window.
    pub(crate) current: u32,
    /// Ticks in a step.
    pub(crate) step: u32,
}

impl SlidingCounts {
    /// Returns what is used and `cost` more, times `steps`, the steps in a
    /// window, of which `elapsed` ticks have passed.
    #[inline]
    pub(crate) fn used(&self, steps: u64, elapsed: Tick, cost: Cost) -> u64 {
        // A step is a tick, but for large limits.
        let passed = match self.step {
            1 => elapsed,
            step => elapsed / u64::from(step),
        };
        let weight = steps - passed;
        u64::from(self.previous) * weight + (u64::from(self.current) + cost) * steps
    }

    /// Returns the ticks until `cost`, which is within the limit, passes: 0 if
    /// it does now.
    pub(crate) fn wait(&self, size: WindowSize, elapsed: Tick, cost: Cost) -> Tick {
        let WindowSize {
            limit,
            steps,
            width,
        } = size;
        let used = self.used(steps, elapsed, cost);
        let excess = used.saturating_sub(limit * steps);
        if excess == 0 {
            return 0;
        }
        let (current, step) = (u64::from(self.current), u64::from(self.step));
        let left = width - elapsed;
        // Within this window only the count of the one before shrinks. That may
        // be enough if the current count alone leaves room.
        if current + cost <= limit {
            let until_fits = elapsed / step + excess.div_ceil(self.previous.into());
            return left.min(until_fits * step - elapsed);
        }
        // Otherwise the current count has to shrink, in the next window.
        let until_fits = ((current + cost - limit) * steps).div_ceil(current);
        left + width.min(until_fits * step)
    }

    /// Returns the ticks until more is left than `remaining` tells. `reset` is
    /// the number of ticks until nothing counts any more.
    fn more(&self, remaining: &Remaining, width: Tick, reset: Tick) -> Tick {
        let left = remaining.cost();
        if left >= remaining.limit {
            return 0;
        }
        let windows = if self.current > 0 { 2 } else { 1 };
        let size = WindowSize {
            limit: remaining.limit,
            steps: remaining.token,
            width,
        };
        self.wait(size, windows * width - reset, left + 1)
    }
}
