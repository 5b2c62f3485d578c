//! When there is more of a quota, by what the server states.
//!
//! A server rounds times up to whole seconds. If a whole quota comes back at
//! once, all reports of a window are about the same instant, so the closest
//! bounds of them count.

use std::time::Duration;

use tokio::time::Instant;

/// The resolution of the times in reports.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The bounds of the instant at which there is more.
#[derive(Debug, Default)]
pub(super) struct Refill {
    /// There is more at this time at the latest, and not before the other.
    pub(super) more_at: Option<Instant>,
    not_before: Option<Instant>,
    /// How long until then, by the newest report alone.
    pub(super) stated: Option<Duration>,
    /// The last report before the whole quota came back was sent at this time.
    step: Option<Instant>,
    /// The server's time was longer than the client allows.
    pub(super) is_capped: bool,
}

/// The contents of a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatedTime {
    pub(super) more_after: Option<Duration>,
    pub(super) sent: Instant,
    pub(super) window: Option<Duration>,
    /// Whether more is left than before.
    pub(super) is_gain: bool,
    /// Whether the windows are known to follow each other without a gap.
    pub(super) is_regular: bool,
}

impl Refill {
    /// Notes a gain: the whole quota came back at once, or some units did.
    pub(super) fn gained(&mut self, is_step: bool, last_sent: Instant) {
        self.step = is_step.then_some(last_sent);
    }

    /// Returns the latest end of the window, if the whole quota comes back
    /// then.
    pub(super) fn step_at(&self) -> Option<Instant> {
        self.more_at.filter(|_| self.step.is_some())
    }

    /// Notes what a report states.
    pub(super) fn note(&mut self, report: StatedTime, cap: Duration, now: Instant) {
        self.is_capped = report.more_after.is_some_and(|it| it > cap);
        self.stated = report.more_after.map(|it| it.min(cap));
        let latest = self.stated.map(|it| now + it);
        let earliest = self
            .stated
            .map(|it| report.sent + it.saturating_sub(SECOND));
        // A bucket may have gained a unit unseen, and taken it.
        let is_known = self.step_at().is_some_and(|at| now < at);
        if report.is_gain || !is_known {
            let next = self.next_step(report, now);
            let next = next.filter(|_| report.is_gain && report.is_regular);
            self.not_before = earliest;
            self.more_at = latest.map(|latest| next.map_or(latest, |next| next.min(latest)));
        } else if let Some(latest) = latest {
            self.more_at = self.more_at.min(Some(latest));
            self.not_before = self.not_before.max(earliest);
        }
    }

    /// Returns the end of the window after this one, if the report is certainly
    /// about that.
    fn next_step(&self, report: StatedTime, now: Instant) -> Option<Instant> {
        let (ended, window) = (self.step_at()?, report.window?);
        let begun = self.not_before.unwrap_or(ended).min(ended);
        (report.sent >= ended && now < begun + window).then(|| ended + window)
    }

    /// Returns the time until what is left should be used up.
    pub(super) fn more_in(&self, window: Option<Duration>, now: Instant) -> Option<Duration> {
        let at = self.more_at?;
        let by_step = self.step.zip(window).map(|(step, window)| step + window);
        let not_before = self.not_before.unwrap_or(now);
        let aim = by_step.map_or(at, |step| step.max(not_before).min(at));
        Some(aim.saturating_duration_since(now))
    }
}
