//! The families of service level objectives.

use super::families::{add_count, count_family, label, labels};
use crate::red::{
    SloReport,
    export::{
        family::Family,
        prometheus::exposition::{Exposition, SampleValue},
    },
};

static EVENTS: Family = count_family(
    "sluicegate.slo.events",
    "Requests that an objective counts, by whether they were good.",
);
static OBJECTIVE: Family = count_family(
    "sluicegate.slo.objective_ratio",
    "The share of requests that has to be good.",
);
static REMAINING: Family = count_family(
    "sluicegate.slo.error_budget_remaining_ratio",
    "The share of the period's error budget that is left; below 0 it is overspent.",
);
static BURN: Family = count_family(
    "sluicegate.slo.burn_rate",
    "How fast the error budget was spent in the window; at 1 it lasts for the whole period.",
);
static FIRING: Family = count_family(
    "sluicegate.slo.alert_firing",
    "1 while an error budget burns too fast, over this window and a shorter one.",
);

/// Adds the families of an objective.
pub(crate) fn add(into: &mut Exposition, report: &SloReport) {
    let name = ("slo", &*report.name);
    for (good, number) in [("true", report.events.good), ("false", report.events.bad())] {
        add_count(into, &EVENTS, &labels(name, ("good", good)), number);
    }
    let slo = label("slo", &report.name);
    let objective = SampleValue::Ratio(report.objective);
    into.add(&OBJECTIVE, slo.clone(), objective);
    let remaining = SampleValue::Ratio(report.budget.remaining());
    into.add(&REMAINING, slo, remaining);
    for burn in &report.burns {
        let labels = labels(name, ("window", &burn.name()));
        into.add(&BURN, labels, SampleValue::Ratio(burn.rate));
    }
    for alert in &report.alerts {
        let window = ("window", &*alert.long.name());
        let mut labels = labels(name, window);
        labels.push(("severity".into(), alert.severity.as_str().into()));
        let firing = SampleValue::Gauge(alert.is_firing().into());
        into.add(&FIRING, labels, firing);
    }
}
