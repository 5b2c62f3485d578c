//! How a budget is divided among the stages. `builder` makes it, and the state
//! machine follows it.

use std::time::Duration;

use crate::error::InvalidSetting;

/// The default of the whole: Kubernetes kills a container 30 seconds after its
/// SIGTERM, and a hook before that, or a slow exit, take some of it.
pub(crate) const BUDGET: Duration = Duration::from_secs(25);
/// The default time in which load balancers learn of it.
const LAME_DUCK: Duration = Duration::from_secs(5);
/// The default time between the cancellations and the abort.
const CANCELLING: Duration = Duration::from_secs(2);
/// The default time for what comes after the last request.
const CLOSING: Duration = Duration::from_secs(1);
/// The longest budget. Later instants could overflow a timer.
const DAY: Duration = Duration::from_secs(86_400);

/// The parts of the budget. Draining gets what the others leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) budget: Duration,
    pub(crate) lame_duck: Duration,
    pub(crate) cancelling: Duration,
    pub(crate) closing: Duration,
    /// How long the process may take before it is killed.
    pub(crate) grace_period: Option<Duration>,
}

impl Schedule {
    /// Returns the default parts of this budget.
    pub(crate) fn of(budget: Duration) -> Self {
        Self {
            budget,
            lame_duck: LAME_DUCK,
            cancelling: CANCELLING,
            closing: CLOSING,
            grace_period: None,
        }
    }

    /// Returns this, unless the parts do not fit into the budget or that does
    /// not fit into the grace period.
    pub(crate) fn checked(self) -> Result<Self, InvalidSetting> {
        let parts = [self.lame_duck, self.cancelling, self.closing];
        let parts = parts
            .into_iter()
            .try_fold(Duration::ZERO, Duration::checked_add);
        let invalid = |field, value: Duration, allowed| {
            Err(InvalidSetting::new(
                field,
                format_args!("{value:?}"),
                allowed,
            ))
        };
        if self.budget > DAY {
            return invalid("drain budget", self.budget, "at most a day");
        }
        if parts.is_none_or(|parts| parts >= self.budget) {
            let allowed = "longer than its lame duck, cancelling and closing together, \
                           so that some of it is left for draining";
            return invalid("drain budget", self.budget, allowed);
        }
        match self.grace_period {
            Some(grace) if grace <= self.budget => {
                let allowed = "longer than the drain budget, because the process is killed then";
                invalid("termination grace period", grace, allowed)
            }
            _ => Ok(self),
        }
    }

    /// Returns when draining ends, counted from the first signal.
    pub(crate) fn told_at(&self) -> Duration {
        self.aborted_at() - self.cancelling
    }

    /// Returns when streams end.
    pub(crate) fn last_words_at(&self) -> Duration {
        self.aborted_at() - self.cancelling / 2
    }

    /// Returns when the rest is aborted.
    pub(crate) fn aborted_at(&self) -> Duration {
        self.budget - self.closing
    }

    /// Returns how long the server may take to tell its clients of the abort.
    pub(crate) fn aborting(&self) -> Duration {
        self.closing / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn text(schedule: Schedule) -> String {
        schedule.checked().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_fit_into_the_grace_period_of_kubernetes() {
        let schedule = Schedule {
            grace_period: Some(30 * SECOND),
            ..Schedule::of(BUDGET)
        };
        assert_eq!(schedule.checked(), Ok(schedule));
        assert_eq!(schedule.told_at(), 22 * SECOND);
        assert_eq!(schedule.last_words_at(), 23 * SECOND);
        assert_eq!(schedule.aborted_at(), 24 * SECOND);
    }

    #[test]
    fn parts_that_leave_nothing_for_draining_are_refused() {
        let error = text(Schedule::of(8 * SECOND));
        assert!(
            error.starts_with("invalid drain budget 8s: must be longer than"),
            "{error}"
        );
        assert!(Schedule::of(8 * SECOND + SECOND / 1_000).checked().is_ok());
        let endless = Schedule {
            cancelling: Duration::MAX,
            ..Schedule::of(DAY)
        };
        assert!(endless.checked().is_err());
        assert!(text(Schedule::of(2 * DAY)).contains("at most a day"));
    }

    #[test]
    fn a_budget_that_ends_with_the_grace_period_is_refused() {
        let schedule = Schedule {
            grace_period: Some(BUDGET),
            ..Schedule::of(BUDGET)
        };
        let error = text(schedule);
        assert!(
            error.starts_with("invalid termination grace period 25s: must be longer"),
            "{error}"
        );
    }
}
