//! The decision of a limiter about one request, with the numbers for its client.
//! Rules make decisions, limiters return them, and the layer turns them into
//! responses.

use std::{fmt, time::Duration};

use super::{
    rules::{quota::Cost, remaining::Remaining},
    window_info::{SlidingCounts, WindowInfo},
};
use crate::clock::Tick;

/// The ways to treat a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let it pass: its cost is taken.
    Admit,
    /// Let it pass after this long: its cost is taken, its place is booked. The
    /// caller has to sleep; `until_ready` sleeps itself, and then returns
    /// `Admit`.
    Queue(Duration),
    /// Refuse it: nothing was taken.
    Deny,
}

/// Why a decision is a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// The budget is used up. The same cost passes later.
    OverLimit,
    /// The cost is above the limit, so it never passes.
    NeverFits,
    /// The limit's queue had a place, but its turn comes later than the caller
    /// was ready to wait.
    WaitTooLong,
}

/// A verdict, and the numbers that a client wants to know with it.
///
/// The numbers are worked out when they are read, so a decision whose numbers
/// are not read costs no division.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::limit::{Local, Quota, TokenBucket};
///
/// let limiter = Local::direct(TokenBucket::new(Quota::per_hour(60).burst(10)));
/// let admitted = limiter.check(4);
/// assert!(admitted.is_admitted());
/// assert_eq!((admitted.limit(), admitted.remaining()), (10, 6));
///
/// // 2 tokens are missing, and one comes back in each minute.
/// let retry_after = limiter.check(8).retry_after().unwrap();
/// let (least, most) = (Duration::from_secs(119), Duration::from_secs(120));
/// assert!((least..=most).contains(&retry_after));
/// ```
#[derive(Clone, Copy)]
pub struct Decision {
    ruling: Ruling,
    /// The index, among several limits, of the one that made the decision.
    part: u8,
    /// Units: how long until the place, or until the same cost would pass; for
    /// [`Denial::WaitTooLong`] by how much the caller's wait is too short.
    wait: u64,
    remaining: Remaining,
    /// Units: how long until a whole bucket.
    reset: u64,
    /// The times that `remaining` does not tell.
    window_info: WindowInfo,
}

/// The verdict without its wait. If the variants held the wait, a decision
/// would be a word larger.
#[derive(Clone, Copy)]
enum Ruling {
    Admit,
    Queue,
    /// Admitted after the wait.
    Waited,
    Deny(Denial),
}

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
    pub(super) fn admit(remaining: Remaining, reset: u64) -> Self {
        Self::of(Ruling::Admit, 0, remaining, reset)
    }

    /// Denies a cost that passes after `retry` units.
    #[inline(always)]
    pub(super) fn deny(remaining: Remaining, retry: u64, reset: u64) -> Self {
        Self::of(Ruling::Deny(Denial::OverLimit), retry, remaining, reset)
    }

    /// Denies a cost that never passes.
    #[inline(always)]
    pub(super) fn never(remaining: Remaining, reset: u64) -> Self {
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
    pub(super) fn of_numbers(limit: Cost, remaining: Cost, reset: Tick, info: WindowInfo) -> Self {
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
    pub(super) fn queued(self, wait: u64) -> Self {
        Self {
            ruling: Ruling::Queue,
            wait,
            ..self
        }
    }

    /// Turns an admission into one that waits its turn for so many ticks.
    pub(super) fn waiting(self, ticks: Tick) -> Self {
        self.queued(ticks.saturating_mul(self.remaining.tick))
    }

    /// Marks the decision as made by the limit of this index among several.
    #[inline]
    pub(super) fn by(self, part: usize) -> Self {
        let part = part as u8;
        Self { part, ..self }
    }

    /// Returns the index, among several limits, of the one that made the
    /// decision.
    pub(super) fn part(&self) -> usize {
        self.part.into()
    }

    /// Sets the ticks until more is left, and those in which the limit comes
    /// back.
    #[inline(always)]
    pub(super) fn windowed(self, more: Tick, window: Tick) -> Self {
        self.with(WindowInfo::known(more, window))
    }

    /// Sets the counts of a sliding window of so many ticks, from which both
    /// times follow.
    #[inline(always)]
    pub(super) fn sliding(self, counts: SlidingCounts, width: Tick) -> Self {
        self.with(WindowInfo::sliding(counts, width))
    }

    /// Returns the times of the window as seen from another instant: `shift`
    /// gives the ticks until more is left.
    fn shifted(&self, shift: impl Fn(Tick) -> Tick) -> WindowInfo {
        self.window_info.shifted(&self.remaining, self.reset, shift)
    }

    /// The same decision as seen `earlier` ticks before: an admission waits.
    pub(super) fn after(self, earlier: Tick) -> Self {
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
    pub(super) fn when_due(self) -> Self {
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

    /// Whether clients reach this limit before the other: it has less left, or
    /// as much and is whole later.
    pub(crate) fn is_tighter_than(&self, other: &Self) -> bool {
        let (own, others) = (self.remaining(), other.remaining());
        own < others || own == others && self.reset_after() > other.reset_after()
    }

    /// Denies because the wait is `excess` ticks longer than the caller waits.
    pub(super) fn too_long(self, excess: Tick) -> Self {
        let wait = excess.saturating_mul(self.remaining.tick);
        Self {
            ruling: Ruling::Deny(Denial::WaitTooLong),
            wait,
            ..self
        }
    }

    /// Returns what to do with the request.
    pub fn verdict(&self) -> Verdict {
        match self.ruling {
            Ruling::Admit | Ruling::Waited => Verdict::Admit,
            Ruling::Queue => Verdict::Queue(self.duration(self.wait)),
            Ruling::Deny(_) => Verdict::Deny,
        }
    }

    /// Returns why the request is denied; `None` if it is admitted.
    ///
    /// ```
    /// use sluicegate::limit::{Denial, Local, Quota, TokenBucket};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(2)));
    /// assert_eq!(limiter.check(2).denial(), None);
    /// assert_eq!(limiter.check(1).denial(), Some(Denial::OverLimit));
    /// assert_eq!(limiter.check(3).denial(), Some(Denial::NeverFits));
    /// ```
    pub fn denial(&self) -> Option<Denial> {
        match self.ruling {
            Ruling::Deny(denial) => Some(denial),
            _ => None,
        }
    }

    /// Whether the request passes, at once or after its wait. Its cost is
    /// taken.
    #[inline(always)]
    pub fn is_admitted(&self) -> bool {
        !self.is_denied()
    }

    /// Whether the request is refused. Nothing was taken from the limit.
    #[inline(always)]
    pub fn is_denied(&self) -> bool {
        matches!(self.ruling, Ruling::Deny(_))
    }

    /// Returns how long the request has waited before it was admitted, as it
    /// was booked; zero if it has not. After a wait the
    /// [verdict](Self::verdict) is `Admit`.
    pub fn waited(&self) -> Duration {
        match self.ruling {
            Ruling::Waited => self.duration(self.wait),
            _ => Duration::ZERO,
        }
    }

    /// Returns the largest cost that a whole bucket bears at once.
    pub fn limit(&self) -> Cost {
        self.remaining.limit
    }

    /// Returns the largest cost that would still pass at once, after this
    /// decision.
    pub fn remaining(&self) -> Cost {
        self.remaining.cost()
    }

    /// Returns the time after which the same cost passes if no other request
    /// comes, to the microsecond. `None` if it was not denied, or if it is
    /// above the
    /// [`limit`](Self::limit) and never passes.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_ticks().map(Duration::from_micros)
    }

    /// Returns the time after which the bucket is whole if no other request
    /// comes.
    pub fn reset_after(&self) -> Duration {
        Duration::from_micros(self.reset_ticks())
    }

    /// Returns the time after which more is left than
    /// [`remaining`](Self::remaining) tells; zero if the bucket is whole.
    pub fn more_after(&self) -> Duration {
        Duration::from_micros(self.more_ticks())
    }

    /// Returns the time in which the whole [`limit`](Self::limit) comes back:
    /// the window, or the burst at the sustained rate. Zero if that is unknown.
    pub fn window(&self) -> Duration {
        Duration::from_micros(self.window_ticks())
    }

    /// Whether the request passes at once, and one limit alone says so.
    #[inline]
    pub(super) fn is_of_one_limit_at_once(&self) -> bool {
        matches!(self.ruling, Ruling::Admit) && self.part() == 0
    }

    /// See [`reset_after`](Self::reset_after).
    #[inline]
    pub(super) fn reset_ticks(&self) -> Tick {
        self.ticks(self.reset)
    }

    /// See [`more_after`](Self::more_after).
    #[inline]
    pub(super) fn more_ticks(&self) -> Tick {
        let more = self.window_info.more(&self.remaining, self.reset);
        more.unwrap_or_else(|| self.remaining.next_token(self.reset))
    }

    /// See [`window`](Self::window).
    #[inline]
    pub(super) fn window_ticks(&self) -> Tick {
        let window = self.window_info.window();
        window.unwrap_or_else(|| self.remaining.window())
    }

    /// Whether the request waits before it passes, or has waited.
    pub(crate) fn is_of_a_wait(&self) -> bool {
        matches!(self.ruling, Ruling::Queue | Ruling::Waited)
    }

    /// Returns how many ticks an admitted request waits.
    pub(crate) fn wait_ticks(&self) -> Option<Tick> {
        match self.ruling {
            Ruling::Queue => Some(self.ticks(self.wait)),
            _ => None,
        }
    }

    /// Returns after how many ticks a denied cost passes.
    pub(crate) fn retry_ticks(&self) -> Option<Tick> {
        match self.ruling {
            Ruling::Deny(Denial::OverLimit | Denial::WaitTooLong) => Some(self.ticks(self.wait)),
            _ => None,
        }
    }

    /// Rounds up: a client that comes back after a time told here is not
    /// denied.
    fn ticks(&self, units: u64) -> Tick {
        units.div_ceil(self.remaining.tick)
    }

    fn duration(&self, units: u64) -> Duration {
        Duration::from_micros(self.ticks(units))
    }
}

/// Two decisions are equal if a client reads the same from them, whatever rule
/// made them.
impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        let shown = |it: &Self| {
            let times = (it.retry_ticks(), it.reset_after(), it.more_after());
            (it.verdict(), it.limit(), it.remaining(), times)
        };
        shown(self) == shown(other)
    }
}

impl Eq for Decision {}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("verdict", &self.verdict())
            .field("limit", &self.limit())
            .field("remaining", &self.remaining())
            .field("retry_after", &self.retry_after())
            .field("reset_after", &self.reset_after())
            .finish()
    }
}

fn ticks_up(duration: Duration) -> Tick {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(Tick::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each check copies one to its caller.
    #[test]
    fn a_decision_is_ten_words() {
        assert_eq!(size_of::<Decision>(), 80);
    }
}
