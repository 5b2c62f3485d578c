//! Alerts on the burn rate, over a long and a short window each.

use std::time::Duration;

use super::{burn::Burn, slo::Slo};

/// How soon an alert needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// At once.
    Page,
    /// Within days.
    Ticket,
}

impl Severity {
    /// Returns its name, the value of the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// An alert on an error budget that burns too fast.
///
/// Each objective has the three that Google's Site Reliability Workbook
/// recommends (<https://sre.google/workbook/alerting-on-slos/>), here for a
/// period of 30 days:
///
/// | severity | long window | short window | burn rate | of the budget |
/// |---|---|---|---|---|
/// | page | 1 hour | 5 minutes | 14.4 | 2 % |
/// | page | 6 hours | 30 minutes | 6 | 5 % |
/// | ticket | 3 days | 6 hours | 1 | 10 % |
///
/// For another [period](Slo::period) the shares of the budget stay the same,
/// and the rates change with it. A burn rate cannot exceed 1 divided by the
/// share that may be bad: below an objective of 0.93, even a complete outage
/// does not reach the first rate.
///
/// ```
/// use sluicegate::red::{Registry, Slo};
///
/// let registry = Registry::builder().slo("orders", Slo::availability(0.999)).build();
/// let report = &registry.slos()[0];
/// assert_eq!(report.alerts.len(), 3);
/// assert!(!report.alerts.iter().any(|alert| alert.is_firing()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alert {
    /// How soon it needs attention.
    pub severity: Severity,
    /// The burn rate that both windows have to exceed.
    pub threshold: f64,
    /// Shows that the errors matter.
    pub long: Burn,
    /// Shows that the errors still occur, so that the alert ends soon after
    /// them.
    pub short: Burn,
}

impl Alert {
    /// Returns whether the burn rates of both windows are
    /// [above](Burn::is_above) the threshold.
    pub fn is_firing(&self) -> bool {
        self.long.is_above(self.threshold) && self.short.is_above(self.threshold)
    }
}

/// A minute in seconds.
const MINUTE: u64 = 60;
/// An hour in seconds.
const HOUR: u64 = 3_600;

/// The windows of all alerts in seconds, short ones first.
const WINDOWS: [u64; 5] = [5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, 72 * HOUR];

/// The severity, the share of the budget, and the indices of the long and the
/// short window.
const RULES: [(Severity, f64, usize, usize); 3] = [
    (Severity::Page, 0.02, 2, 0),
    (Severity::Page, 0.05, 3, 1),
    (Severity::Ticket, 0.10, 4, 3),
];

/// Returns the burns of all windows that alerts look at.
pub(super) fn burns(mut burn: impl FnMut(Duration) -> Burn) -> [Burn; WINDOWS.len()] {
    WINDOWS.map(|secs| burn(Duration::from_secs(secs)))
}

/// Returns the alerts of an objective with these burns.
pub(super) fn alerts(slo: &Slo, burns: &[Burn; WINDOWS.len()]) -> Vec<Alert> {
    let alert = |(severity, share, long, short): (_, _, usize, usize)| Alert {
        severity,
        threshold: share * slo.period.as_secs_f64() / WINDOWS[long] as f64,
        long: burns[long],
        short: burns[short],
    };
    RULES.map(alert).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::red::slo::Events;

    const DAY: u64 = 86_400;

    /// Returns what fires with these errors in a million in each window.
    fn firing(slo: &Slo, errors: [u64; WINDOWS.len()]) -> Vec<Severity> {
        let mut errors = errors.into_iter();
        let burns = burns(|window| {
            let total = 1_000_000;
            let good = total - errors.next().unwrap();
            slo.burn(window, window, Events { good, total })
        });
        let alerts = alerts(slo, &burns).into_iter();
        alerts
            .filter(Alert::is_firing)
            .map(|it| it.severity)
            .collect()
    }

    #[test]
    fn thresholds_are_those_of_the_workbook() {
        let slo = Slo::availability(0.999);
        let burns = burns(|window| slo.burn(window, window, Events::default()));
        let alerts = alerts(&slo, &burns);
        let rules = alerts
            .iter()
            .map(|it| (it.long.name(), it.short.name(), it.threshold));
        let expected = [("1h", "5m", 14.4), ("6h", "30m", 6.0), ("3d", "6h", 1.0)];
        for ((long, short, threshold), expected) in rules.zip(expected) {
            assert_eq!((&*long, &*short), (expected.0, expected.1));
            assert!((threshold - expected.2).abs() < 1e-9, "{threshold}");
        }
    }

    #[test]
    fn both_windows_have_to_be_above() {
        use Severity::{Page, Ticket};
        let slo = Slo::availability(0.999);
        // 5 minutes, 30 minutes, an hour, 6 hours, 3 days.
        assert_eq!(firing(&slo, [14_500, 0, 14_500, 0, 0]), [Page]);
        assert_eq!(firing(&slo, [14_300, 0, 14_500, 0, 0]), []);
        assert_eq!(firing(&slo, [14_500, 0, 14_300, 0, 0]), []);
        assert_eq!(firing(&slo, [0, 6_100, 0, 6_100, 0]), [Page]);
        assert_eq!(firing(&slo, [0, 0, 0, 1_100, 1_100]), [Ticket]);
        assert_eq!(firing(&slo, [20_000; 5]), [Page, Page, Ticket]);
        assert_eq!(firing(&slo, [1_000; 5]), []);
    }

    #[test]
    fn of_a_shorter_period_the_same_share_is_spent_sooner() {
        let slo = Slo::availability(0.999).period(Duration::from_secs(7 * DAY));
        assert_eq!(firing(&slo, [3_400, 0, 3_400, 0, 0]), [Severity::Page]);
        assert_eq!(firing(&slo, [3_300, 0, 3_300, 0, 0]), []);
    }
}
