//! How fast an error budget is spent.

use std::time::Duration;

use super::{events::Events, slo::Slo};

/// How fast the error budget was spent in a window that ends now.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Burn {
    /// The length of the window.
    pub window: Duration,
    /// The time that the counts cover. In a young process it is shorter than
    /// the window. Otherwise it is longer by up to one sample: 10 seconds for
    /// windows up to an hour, 5 minutes for longer ones.
    pub covered: Duration,
    /// The requests that counted in that time.
    pub events: Events,
    /// The share of errors divided by the share that the objective allows. At 1
    /// the budget lasts exactly for the period; at 14.4, an hour spends a
    /// fiftieth of the budget for 30 days.
    pub rate: f64,
}

impl Burn {
    /// Returns whether the burn rate is above this rate, if the part of the
    /// window that is not covered had no errors.
    ///
    /// So one error among the first ten requests of a process does not alert,
    /// but an outage that begins with the process does.
    pub fn is_above(&self, rate: f64) -> bool {
        self.rate * share(self.covered, self.window) > rate
    }

    /// Returns the length of the window, such as `5m`, `1h` or `3d`: the value
    /// of the label `window`.
    pub fn name(&self) -> String {
        let secs = self.window.as_secs();
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
        let whole = units
            .into_iter()
            .find(|(unit, _)| secs.is_multiple_of(*unit));
        let (unit, name) = whole.unwrap_or((1, 's'));
        format!("{}{name}", secs / unit)
    }
}

/// Returns how much of a window is covered: at most 1.
pub(super) fn share(covered: Duration, window: Duration) -> f64 {
    (covered.as_secs_f64() / window.as_secs_f64()).min(1.0)
}

impl Slo {
    /// Returns the burn of a window in which these events were counted, as far
    /// as `covered` says.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::red::{Events, Slo};
    ///
    /// let hour = Duration::from_secs(3_600);
    /// let slo = Slo::availability(0.99);
    /// let burn = slo.burn(hour, hour, Events { good: 98, total: 100 });
    /// assert!((burn.rate - 2.0).abs() < 1e-9 && burn.is_above(1.0));
    /// assert_eq!(burn.name(), "1h");
    /// ```
    pub fn burn(&self, window: Duration, covered: Duration, events: Events) -> Burn {
        Burn {
            window,
            covered,
            events,
            rate: events.error_ratio() / self.allowed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn burn(per_million: u64, covered: Duration) -> Burn {
        let total = 1_000_000;
        let good = total - per_million;
        Slo::availability(0.999).burn(HOUR, covered, Events { good, total })
    }

    /// The worked example of the workbook: 30 days, 15 days, 3 days, 43
    /// minutes.
    #[test]
    fn a_budget_is_spent_sooner_by_the_rate() {
        for (per_million, rate) in [(1_000, 1.0), (2_000, 2.0), (10_000, 10.0)] {
            assert!((burn(per_million, HOUR).rate - rate).abs() < 1e-9);
        }
        let outage = burn(1_000_000, HOUR);
        let spent_after = (30 * DAY).as_secs_f64() / outage.rate;
        assert_eq!(spent_after as u64 / 60, 43);
    }

    #[test]
    fn at_14_4_an_hour_spends_a_fiftieth() {
        let burn = burn(14_400, HOUR);
        assert!((burn.rate - 14.4).abs() < 1e-9);
        let in_a_month = 30.0 * 24.0 * 1_000_000.0;
        let slo = Slo::availability(0.999);
        let total = in_a_month as u64;
        let good = total - burn.events.bad();
        let budget = slo.budget(30 * DAY, Events { good, total });
        assert!((budget.remaining() - 0.98).abs() < 1e-9);
    }

    #[test]
    fn time_without_history_counts_as_free_of_errors() {
        let six_minutes = HOUR / 10;
        assert!(burn(150_000, six_minutes).is_above(14.4));
        assert!(!burn(140_000, six_minutes).is_above(14.4));
        assert!(burn(14_500, HOUR + six_minutes).is_above(14.4));
    }

    #[test]
    fn without_requests_no_budget_burns() {
        let burn = Slo::availability(0.999).burn(HOUR, HOUR, Events::default());
        assert!(burn.rate == 0.0 && !burn.is_above(0.0));
    }

    #[test]
    fn windows_have_short_names() {
        let slo = Slo::availability(0.999);
        let name = |secs| {
            slo.burn(Duration::from_secs(secs), HOUR, Events::default())
                .name()
        };
        assert_eq!(
            [300, 3_600, 259_200, 90].map(name),
            ["5m", "1h", "3d", "90s"]
        );
    }
}
