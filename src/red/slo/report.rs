//! How an objective stands.

use std::time::Duration;

use super::{
    alert::{self, Alert},
    burn::Burn,
    error_budget::ErrorBudget,
    events::Events,
    slo::Slo,
};

/// How an objective stands; read by [`Registry::slos`](crate::red::Registry::slos).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SloReport {
    /// The name that the objective was given.
    pub name: String,
    /// Which share has to be good.
    pub objective: f64,
    /// All that were ever counted, for counters that only rise.
    pub events: Events,
    /// How many errors are allowed, and how many there were.
    pub budget: ErrorBudget,
    /// How fast the budget was spent: in the last 5 minutes, 30 minutes, hour, 6
    /// hours and 3 days.
    pub burns: Vec<Burn>,
    /// Whether somebody has to look.
    pub alerts: Vec<Alert>,
}

impl SloReport {
    /// What the first alert that is firing says; pages are before tickets.
    pub fn firing(&self) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.is_firing())
    }
}

impl Slo {
    /// How it stands, of all `events` and of those in the last so long, which
    /// `within` counts, and tells how much of that the counts cover. A registry does
    /// it from its own history; a fleet's counts come from elsewhere.
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
