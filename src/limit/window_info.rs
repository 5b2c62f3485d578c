//! The times of a window that do not follow from what is left in it. A decision
//! carries what they are worked out from, and reads them here.

use super::rules::{quota::Cost, remaining::Remaining};
use crate::clock::Tick;

/// From what the times of a window follow.
///
/// It has the same fields whatever they mean. Decisions contain it, and the
/// compiler keeps a decision in registers only without an enum of several forms
/// in it: a caller that reads the verdict alone pays for the verdict alone.
#[derive(Clone, Copy)]
pub(super) struct WindowInfo {
    form: Form,
    /// Ticks in a step of a sliding window.
    step: u32,
    /// Ticks in which the whole limit comes back.
    window: Tick,
    /// Ticks until more is left; in a sliding window the count of the window
    /// before, above the 32 bits of the count of this one.
    rest: u64,
}

/// The meaning of the fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing: the times follow from what is left in a bucket.
    Bucket,
    Known,
    Sliding,
}

impl WindowInfo {
    /// The times follow from what is left in a bucket.
    pub(super) const BUCKET: Self = Self {
        form: Form::Bucket,
        step: 0,
        window: 0,
        rest: 0,
    };

    /// The ticks until more is left, and those in which the whole limit comes
    /// back.
    #[inline(always)]
    pub(super) fn known(more: Tick, window: Tick) -> Self {
        Self {
            form: Form::Known,
            step: 0,
            window,
            rest: more,
        }
    }

    /// The counts of a sliding window of so many ticks.
    #[inline(always)]
    pub(super) fn sliding(counts: SlidingCounts, width: Tick) -> Self {
        Self {
            form: Form::Sliding,
            step: counts.step,
            window: width,
            rest: u64::from(counts.previous) << 32 | u64::from(counts.current),
        }
    }

    /// Returns the same times as seen from another instant: `shift` gives the
    /// ticks until more is left.
    pub(super) fn shifted(
        &self,
        remaining: &Remaining,
        reset: u64,
        shift: impl Fn(Tick) -> Tick,
    ) -> Self {
        let more = self.more(remaining, reset);
        more.map_or(*self, |more| Self::known(shift(more), self.window))
    }

    /// Returns the ticks until more is left than `remaining` tells; `None` for a
    /// bucket. `reset` is the number of units until the bucket is whole.
    pub(super) fn more(&self, remaining: &Remaining, reset: u64) -> Option<Tick> {
        match self.form {
            Form::Bucket => None,
            Form::Known => Some(self.rest),
            Form::Sliding => Some(self.counts().more(remaining, self.window, reset)),
        }
    }

    /// Returns the ticks in which the whole limit comes back; `None` for a
    /// bucket.
    pub(super) fn window(&self) -> Option<Tick> {
        (!self.is_of_a_bucket()).then_some(self.window)
    }

    pub(super) fn is_of_a_bucket(&self) -> bool {
        self.form == Form::Bucket
    }

    fn counts(&self) -> SlidingCounts {
        SlidingCounts {
            previous: (self.rest >> 32) as u32,
            current: self.rest as u32,
            step: self.step,
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
