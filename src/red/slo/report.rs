//! The report on an objective.

use std::time::Duration;

use super::{
    alert::{self, Alert},
    burn::Burn,
    error_budget::ErrorBudget,
    events::Events,
    slo::Slo,
};

/// How an objective stands; read by
/// [`Registry::slos`](crate::red::Registry::slos).
///
/// ```
/// use sluicegate::red::{Registry, Slo};
///
/// let metrics = Registry::builder().slo("answers", Slo::availability(0.999)).build();
/// let report = &metrics.slos()[0];
/// assert_eq!((&*report.name, report.burns.len()), ("answers", 5));
/// if let Some(alert) = report.firing() {
///     eprintln!("{}: {} burns at {}", alert.severity.as_str(), report.name, alert.long.rate);
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SloReport {
    /// The name of the objective.
    pub name: String,
    /// The share that has to be good.
    pub objective: f64,
    /// All events since the registry was built, for counters that only rise.
    pub events: Events,
    /// How many errors are allowed, and how many there were.
    pub budget: ErrorBudget,
    /// How fast the budget was spent: in the last 5 minutes, 30 minutes, hour,
    /// 6 hours and 3 days.
    pub burns: Vec<Burn>,
    /// The alerts, whether or not they fire.
    pub alerts: Vec<Alert>,
}

impl SloReport {
    /// Returns the first alert that fires. Pages come before tickets.
    pub fn firing(&self) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.is_firing())
    }
}

impl Slo {
    /// Returns a report from all `events`, and from those of recent windows:
    /// `within` returns the events of the last so long, and the time that they
    /// cover. A registry uses its own history; for a fleet, the counts come
    /// from elsewhere.
    ///
    /// ```
    /// use sluicegate::red::{Events, Slo};
    ///
    /// let slo = Slo::availability(0.999);
    /// let events = Events { good: 9_999, total: 10_000 };
    /// let report = slo.report("answers", events, |window| (events, window));
    /// assert_eq!(report.firing(), None);
    /// assert!((report.budget.remaining() - 0.9).abs() < 1e-9);
    /// ```
    pub fn report(
        &self,
        name: &str,
        events: Events,
        mut within: impl FnMut(Duration) -> (Events, Duration),
    ) -> SloReport {
        let (in_period, covered) = within(self.period);
        let burns = alert::burns(|window| {
            let (events, covered) = within(window);
            self.burn(window, covered, events)
        });
        SloReport {
            name: name.into(),
            objective: self.objective,
            events,
            budget: self.budget(covered, in_period),
            burns: burns.to_vec(),
            alerts: alert::alerts(self, &burns),
        }
    }
}
