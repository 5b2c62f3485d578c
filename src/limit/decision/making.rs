//! How limiters and rules make decisions, and change them.

use std::time::Duration;

use super::{
    decision::{Decision, Ruling},
    verdict::{Denial, Verdict},
};
use crate::{
    clock::Tick,
    limit::{
        rules::{quota::Cost, remaining::Remaining},
        window_info::{SlidingCounts, WindowInfo},
    },
};

impl Decision {
    /// A decision made elsewhere, by a limiter of your own: of at most `limit`
    /// at once, `remaining` are left, and the bucket is whole after
    /// `reset_after`. A denial passes after `retry_after`, or never.
    ///
    /// Times are rounded up to whole microseconds.
    pub fn new(
        verdict: Verdict,
        limit: Cost,
        remaining: Cost,
        retry_after: Option<Duration>,
        reset_after: Duration,
    ) -> Self {
        let (ruling, wait) = match (verdict, retry_after) {
            (Verdict::Admit, _) => (Ruling::Admit, 0),
            (Verdict::Queue(wait), _) => (Ruling::Queue, ticks_up(wait)),
            (Verdict::Deny, Some(retry)) => (Ruling::Deny(Denial::OverLimit), ticks_up(retry)),
            (Verdict::Deny, None) => (Ruling::Deny(Denial::NeverFits), 0),
        };
        let reset = ticks_up(reset_after);
        let more = if remaining < limit { reset } else { 0 };
        let known = WindowInfo::known(more, 0);
        Self::of(ruling, wait, Remaining::whole(limit, remaining), reset).with(known)
    }

    /// Admits at once. `reset` is in units, here and below.
    #[inline(always)]
    pub(in crate::limit) fn admit(remaining: Remaining, reset: u64) -> Self {
        Self::of(Ruling::Admit, 0, remaining, reset)
    }

    /// Denies a cost that passes after `retry` units.
    #[inline(always)]
    pub(in crate::limit) fn deny(remaining: Remaining, retry: u64, reset: u64) -> Self {
        Self::of(Ruling::Deny(Denial::OverLimit), retry, remaining, reset)
    }

    /// Denies a cost that never passes.
    #[inline(always)]
    pub(in crate::limit) fn never(remaining: Remaining, reset: u64) -> Self {
        Self::of(Ruling::Deny(Denial::NeverFits), 0, remaining, reset)
    }

    #[inline(always)]
    fn of(ruling: Ruling, wait: u64, remaining: Remaining, reset: u64) -> Self {
        Self {
            ruling,
            part: 0,
            wait,
            remaining,
            reset,
            window_info: WindowInfo::BUCKET,
        }
    }

    /// An admission at once. Times are in ticks.
    #[inline]
    pub(in crate::limit) fn of_numbers(
        limit: Cost,
        remaining: Cost,
        reset: Tick,
        info: WindowInfo,
    ) -> Self {
        Self::admit(Remaining::whole(limit, remaining), reset).with(info)
    }

    #[inline(always)]
    fn with(self, window_info: WindowInfo) -> Self {
        Self {
            window_info,
            ..self
        }
    }

    /// Turns an admission into one that waits its turn for so many units.
    #[inline(always)]
    pub(in crate::limit) fn queued(self, wait: u64) -> Self {
        Self {
            ruling: Ruling::Queue,
            wait,
            ..self
        }
    }

    /// Turns an admission into one that waits its turn for so many ticks.
    pub(in crate::limit) fn waiting(self, ticks: Tick) -> Self {
        self.queued(ticks.saturating_mul(self.remaining.tick))
    }

    /// Marks the decision as made by the limit of this index among several.
    #[inline]
    pub(in crate::limit) fn by(self, part: usize) -> Self {
        let part = part as u8;
        Self { part, ..self }
    }

    /// Returns the index, among several limits, of the one that made the
    /// decision.
    pub(in crate::limit) fn part(&self) -> usize {
        self.part.into()
    }

    /// Sets the ticks until more is left, and those in which the limit comes
    /// back.
    #[inline(always)]
    pub(in crate::limit) fn windowed(self, more: Tick, window: Tick) -> Self {
        self.with(WindowInfo::known(more, window))
    }

    /// Sets the counts of a sliding window of so many ticks, from which both
    /// times follow.
    #[inline(always)]
    pub(in crate::limit) fn sliding(self, counts: SlidingCounts, width: Tick) -> Self {
        self.with(WindowInfo::sliding(counts, width))
    }

    /// Returns the times of the window as seen from another instant: `shift`
    /// gives the ticks until more is left.
    fn shifted(&self, shift: impl Fn(Tick) -> Tick) -> WindowInfo {
        self.window_info.shifted(&self.remaining, self.reset, shift)
    }

    /// The same decision as seen `earlier` ticks before: an admission waits.
    pub(in crate::limit) fn after(self, earlier: Tick) -> Self {
        let units = earlier.saturating_mul(self.remaining.tick);
        let ruling = match self.ruling {
            Ruling::Admit => Ruling::Queue,
            other => other,
        };
        let window_info = self.shifted(|more| more.saturating_add(earlier));
        Self {
            ruling,
            wait: self.wait.saturating_add(units),
            reset: self.reset.saturating_add(units),
            window_info,
            ..self
        }
    }

    /// The same decision when its wait is over: an admission, whose numbers are
    /// those of that instant.
    pub(in crate::limit) fn when_due(self) -> Self {
        let Ruling::Queue = self.ruling else {
            return self;
        };
        let ticks = self.ticks(self.wait);
        let reset = self.reset.saturating_sub(self.wait);
        let window_info = self.shifted(|more| more.saturating_sub(ticks));
        let remaining = match window_info.is_of_a_bucket() {
            true => self.remaining.within(reset),
            false => self.remaining,
        };
        Self {
            ruling: Ruling::Waited,
            remaining,
            reset,
            window_info,
            ..self
        }
    }

    /// Denies because the wait is `excess` ticks longer than the caller waits.
    pub(in crate::limit) fn too_long(self, excess: Tick) -> Self {
        let wait = excess.saturating_mul(self.remaining.tick);
        Self {
            ruling: Ruling::Deny(Denial::WaitTooLong),
            wait,
            ..self
        }
    }
}

fn ticks_up(duration: Duration) -> Tick {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(Tick::MAX)
}
