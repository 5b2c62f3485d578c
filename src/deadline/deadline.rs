//! The deadline itself: an instant that only becomes earlier.

use std::{cmp, fmt, time::Duration};

use tokio::time::{Instant, sleep_until};

/// The furthest deadline: 30 years.
const MAX_BUDGET: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The instant by which a request has to be answered.
///
/// It is absolute, so waiting, copying it and passing it on do not extend it.
/// Its methods only make earlier ones of it, and `min` returns the earlier of
/// two. It goes by tokio's clock, which tests can pause.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::Deadline;
///
/// let request = Deadline::after(Duration::from_secs(2));
/// let query = request.child(Duration::from_millis(500));
/// assert!(query.remaining() <= Duration::from_millis(500));
/// assert!(request.child(Duration::MAX) <= request);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    at: Instant,
}

impl Deadline {
    /// Returns the deadline this long from now, at most 30 years.
    pub fn after(budget: Duration) -> Self {
        Self::since(Instant::now(), budget)
    }

    /// Returns the deadline this long from `start`, at most 30 years.
    #[inline]
    pub(super) fn since(start: Instant, budget: Duration) -> Self {
        // A timer near the end of the clock would overflow, so it is capped.
        let at = start + budget.min(MAX_BUDGET);
        Self { at }
    }

    /// Returns the deadline at this instant of tokio's clock. It is not capped.
    pub fn at(at: Instant) -> Self {
        Self { at }
    }

    /// Returns the instant.
    pub fn instant(&self) -> Instant {
        self.at
    }

    /// Returns the time until the deadline; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.remaining_at(Instant::now())
    }

    /// Returns the time from `now` until the deadline.
    pub(super) fn remaining_at(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Returns whether any time is left at `now`, and at least this much.
    #[inline]
    pub(super) fn leaves(&self, least: Duration, now: Instant) -> bool {
        let is_enough = || self.remaining_at(now) >= least;
        self.at > now && (least.is_zero() || is_enough())
    }

    /// Returns whether it has passed.
    pub fn is_expired(&self) -> bool {
        self.at <= Instant::now()
    }

    /// Returns a deadline for a part of the work: at most `cap` from now, and
    /// never later than this one.
    #[must_use]
    pub fn child(self, cap: Duration) -> Self {
        self.min(Self::after(cap))
    }

    /// Returns a deadline for each of several parts that run at the same time.
    /// Each part has all the time, except for what it takes to join their
    /// results.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::deadline::Deadline;
    ///
    /// let request = Deadline::after(Duration::from_secs(1));
    /// let each = request.fan_out(Duration::from_millis(50));
    /// assert_eq!(request.instant() - each.instant(), Duration::from_millis(50));
    /// ```
    #[must_use]
    pub fn fan_out(self, join: Duration) -> Self {
        let at = self.at.checked_sub(join);
        let at = at.unwrap_or_else(|| cmp::min(self.at, Instant::now()));
        Self { at }
    }

    /// Waits until the deadline has passed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::{future::pending, time::Duration};
    /// use sluicegate::deadline::Deadline;
    ///
    /// let deadline = Deadline::after(Duration::from_millis(50));
    /// let result = tokio::select! {
    ///     biased;
    ///     () = pending() => Ok(()),
    ///     () = deadline.passed() => Err("too late"),
    /// };
    /// assert_eq!(result, Err("too late"));
    /// # }
    /// ```
    pub async fn passed(self) {
        sleep_until(self.at).await;
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline(in {:?})", self.remaining())
    }
}

/// Returns the earlier or shorter of two values that may be absent.
#[inline]
pub(super) fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_only_ever_becomes_earlier() {
        let deadline = Deadline::after(SECOND);
        assert_eq!(deadline.remaining(), SECOND);
        assert_eq!(deadline.child(2 * SECOND), deadline);
        assert_eq!(deadline.child(SECOND / 4).remaining(), SECOND / 4);
        assert_eq!(
            deadline.min(Deadline::after(Duration::ZERO)).remaining(),
            Duration::ZERO
        );
        assert_eq!(deadline.fan_out(SECOND / 10).remaining(), SECOND * 9 / 10);
        assert_eq!(deadline.fan_out(Duration::MAX).remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_passed_once_its_instant_is_reached() {
        let deadline = Deadline::after(SECOND);
        tokio::time::advance(SECOND - Duration::from_nanos(1)).await;
        assert!(!deadline.is_expired());
        deadline.passed().await;
        assert!(deadline.is_expired());
        assert_eq!(deadline.remaining(), Duration::ZERO);
        assert!(Deadline::after(Duration::ZERO).is_expired());
    }

    #[tokio::test]
    async fn a_budget_beyond_the_clock_is_cut_and_still_long() {
        assert!(Deadline::after(Duration::MAX).remaining() > Duration::from_secs(365 * 86_400));
    }
}
