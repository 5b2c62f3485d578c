//! The error budget: how many errors a period allows, and how many there were.

use std::time::Duration;

use super::{burn::share, events::Events, slo::Slo};

/// How many errors an objective allows in its period, and how many there were.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::red::{Events, Slo};
///
/// let slo = Slo::availability(0.99);
/// let events = Events { good: 995, total: 1_000 };
/// let budget = slo.budget(Duration::from_secs(30 * 86_400), events);
/// assert_eq!((budget.spent(), budget.allowed), (5, 10.0));
/// assert_eq!(budget.remaining(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ErrorBudget {
    /// The period of the objective.
    pub period: Duration,
    /// The part of it that the counts cover: less in a young process.
    pub covered: Duration,
    /// The requests that counted in that part.
    pub events: Events,
    /// How many errors the whole period allows, if requests keep coming at the
    /// same rate as in the covered part.
    pub allowed: f64,
}

impl ErrorBudget {
    /// Returns how many errors there were.
    pub fn spent(&self) -> u64 {
        self.events.bad()
    }

    /// Returns the share of the budget that is left: 1 if nothing is spent, and
    /// below 0 if the objective was missed. The part of the period that is not
    /// covered counts as without errors.
    pub fn remaining(&self) -> f64 {
        match self.spent() {
            0 => 1.0,
            spent => 1.0 - spent as f64 / self.allowed,
        }
    }
}

impl Slo {
    /// Returns the budget of a period of which `covered` is covered by these
    /// events.
    pub fn budget(&self, covered: Duration, events: Events) -> ErrorBudget {
        let total = events.total as f64;
        let allowed = match share(covered, self.period) {
            0.0 => total * self.allowed(),
            covered => total / covered * self.allowed(),
        };
        ErrorBudget {
            period: self.period,
            covered,
            events,
            allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// The worked example of the workbook: 3,663,253 requests in four weeks.
    #[test]
    fn so_many_failures_are_allowed() {
        let events = Events {
            good: 3_557_865,
            total: 3_663_253,
        };
        for (objective, allowed) in [(0.97, 109_897), (0.90, 366_325), (0.99, 36_632)] {
            let slo = Slo::availability(objective).period(28 * DAY);
            assert_eq!(slo.budget(28 * DAY, events).allowed as u64, allowed);
        }
        let budget = Slo::availability(0.97).budget(30 * DAY, events);
        assert_eq!(budget.spent(), 105_388);
        assert!((budget.remaining() - (1.0 - 105_388.0 / 109_897.59)).abs() < 1e-9);
    }

    #[test]
    fn a_young_process_has_most_of_its_budget() {
        let events = Events { good: 0, total: 10 };
        let slo = Slo::availability(0.999);
        // An outage of 43 minutes and 12 seconds is all of it.
        let half = Duration::from_secs(43 * 60 + 12) / 2;
        assert!((slo.budget(half, events).remaining() - 0.5).abs() < 1e-9);
        assert_eq!(slo.budget(half, Events::default()).remaining(), 1.0);
    }

    #[test]
    fn an_objective_that_was_not_met_is_below_zero() {
        let events = Events {
            good: 98,
            total: 100,
        };
        let budget = Slo::availability(0.99).budget(30 * DAY, events);
        assert!((budget.remaining() - -1.0).abs() < 1e-9);
    }
}
