use std::{cmp, fmt, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::Stages;

/// The furthest deadline: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The instant by which a request has to be answered.
///
/// It is absolute, so that to wait, to copy it and to pass it on do not lengthen
/// it, and all that can be made of it is an earlier one. It goes by tokio's
/// clock, which tests can pause.
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
    /// So long from now, at most 30 years.
    pub fn after(budget: Duration) -> Self {
        Self::since(Instant::now(), budget)
    }

    /// So long from `start`, when the time was stamped.
    #[inline]
    pub(super) fn since(start: Instant, budget: Duration) -> Self {
        // Timers count further than the clock does, and would overflow near its end.
        let at = start + budget.min(FAR);
        Self { at }
    }

    /// At this instant.
    pub fn at(at: Instant) -> Self {
        Self { at }
    }

    /// The instant.
    pub fn instant(&self) -> Instant {
        self.at
    }

    /// How long there is until then; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.remaining_at(Instant::now())
    }

    pub(super) fn remaining_at(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Whether it has passed.
    pub fn is_expired(&self) -> bool {
        self.at <= Instant::now()
    }

    /// The earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        cmp::min(self, other)
    }

    /// A deadline for a part of the work: at most so long from now, and never
    /// later than this one.
    #[must_use]
    pub fn child(self, cap: Duration) -> Self {
        self.min(Self::after(cap))
    }

    /// A deadline for each of several parts that run side by side: all have the
    /// whole time, but for what it takes to join their results.
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

    /// Deadlines for stages that follow one another, by their weights.
    ///
    /// # Panics
    ///
    /// When there is no weight, or one of them is 0.
    #[track_caller]
    pub fn stages<const N: usize>(self, weights: [u32; N]) -> Stages<N> {
        Stages::new(self, weights)
    }

    /// Ends when the deadline has passed.
    pub async fn passed(self) {
        sleep_until(self.at).await;
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline(in {:?})", self.remaining())
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
    async fn it_has_passed_when_its_instant_is_there() {
        let deadline = Deadline::after(SECOND);
        tokio::time::advance(SECOND - Duration::from_nanos(1)).await;
        assert!(!deadline.is_expired());
        deadline.passed().await;
        assert!(deadline.is_expired());
        assert_eq!(deadline.remaining(), Duration::ZERO);
        assert!(Deadline::after(Duration::ZERO).is_expired());
    }

    #[tokio::test]
    async fn what_the_clock_cannot_name_is_far_away() {
        assert!(Deadline::after(Duration::MAX).remaining() > Duration::from_secs(365 * 86_400));
    }
}
