//! The decision as its users read it.

use std::{fmt, time::Duration};

use super::verdict::{Denial, Verdict};
use crate::{
    clock::Tick,
    limit::{
        rules::{quota::Cost, remaining::Remaining},
        window_info::WindowInfo,
    },
};

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
    pub(super) ruling: Ruling,
    /// The index, among several limits, of the one that made the decision.
    pub(super) part: u8,
    /// Units: how long until the place, or until the same cost would pass; for
    /// [`Denial::WaitTooLong`] by how much the caller's wait is too short.
    pub(super) wait: u64,
    pub(super) remaining: Remaining,
    /// Units: how long until a whole bucket.
    pub(super) reset: u64,
    /// The times that `remaining` does not tell.
    pub(super) window_info: WindowInfo,
}

/// The verdict without its wait. If the variants held the wait, a decision
/// would be a word larger.
#[derive(Clone, Copy)]
pub(super) enum Ruling {
    Admit,
    Queue,
    /// Admitted after the wait.
    Waited,
    Deny(Denial),
}

impl Decision {
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

    /// Whether clients reach this limit before the other: it has less left, or
    /// as much and is whole later.
    pub(crate) fn is_tighter_than(&self, other: &Self) -> bool {
        let (own, others) = (self.remaining(), other.remaining());
        own < others || own == others && self.reset_after() > other.reset_after()
    }

    /// Whether the request passes at once, and one limit alone says so.
    #[inline]
    pub(in crate::limit) fn is_of_one_limit_at_once(&self) -> bool {
        matches!(self.ruling, Ruling::Admit) && self.part() == 0
    }

    /// See [`reset_after`](Self::reset_after).
    #[inline]
    pub(in crate::limit) fn reset_ticks(&self) -> Tick {
        self.ticks(self.reset)
    }

    /// See [`more_after`](Self::more_after).
    #[inline]
    pub(in crate::limit) fn more_ticks(&self) -> Tick {
        let more = self.window_info.more(&self.remaining, self.reset);
        more.unwrap_or_else(|| self.remaining.next_token(self.reset))
    }

    /// See [`window`](Self::window).
    #[inline]
    pub(in crate::limit) fn window_ticks(&self) -> Tick {
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
    pub(super) fn ticks(&self, units: u64) -> Tick {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each check copies one to its caller.
    #[test]
    fn a_decision_is_ten_words() {
        assert_eq!(size_of::<Decision>(), 80);
    }
}
