//! The families of deadlines, and of registries of deadlines.

use super::families::{add_count, add_counts, count_family, label, seconds_family};
use crate::{
    deadline::{Stage, registry::Counts},
    red::{
        components::DeadlineCounts,
        export::{
            family::Family,
            prometheus::exposition::{Exposition, SampleValue},
        },
    },
};

static ENTERED: Family = count_family(
    "sluicegate.deadline.requests",
    "Received requests, by whether they had a deadline.",
);
static LEFT: Family = seconds_family(
    "sluicegate.deadline.left",
    "How much time received deadlines had left.",
);
static EXCEEDED: Family = count_family(
    "sluicegate.deadline.exceeded",
    "Requests whose deadline passed, by the stage that they had reached.",
);

/// Adds the families of the layers for deadlines.
pub(super) fn add(into: &mut Exposition, counts: &DeadlineCounts) {
    for (had, number) in [("true", counts.with()), ("false", counts.without())] {
        add_count(into, &ENTERED, &label("deadline", had), number);
    }
    let left = SampleValue::Histogram(counts.left.clone(), Vec::new());
    into.add(&LEFT, Vec::new(), left);
    let noticed = &counts.noticed;
    add_counts! { into, &Vec::new();
        "sluicegate.deadline.clamped": noticed.clamped,
        "Requests that asked for more time than the maximum.";
        "sluicegate.deadline.malformed": noticed.malformed,
        "Requests whose timeout could not be read.";
        "sluicegate.deadline.rejected": noticed.rejected,
        "Requests that were refused on arrival, because too little time was left.";
        "sluicegate.deadline.spared": noticed.admitted_over_budget,
        "Requests that were admitted although too little time was left, because the budget of refusals was spent.";
    }
    for stage in Stage::ALL {
        let labels = label("stage", stage.as_str());
        add_count(into, &EXCEEDED, &labels, noticed.exceeded(stage));
    }
}

/// Adds the families of a registry of deadlines.
pub(super) fn add_registry(into: &mut Exposition, name: &str, counts: &Counts) {
    add_counts! { into, &label("registry", name);
        "sluicegate.deadline.registry.told": counts.told,
        "Holders of deadlines in this process that were notified of a cancellation.";
        "sluicegate.deadline.registry.fell_back": counts.fell_back,
        "Deadlines that were kept without Redis, because it did not answer.";
        "sluicegate.deadline.registry.subscribed": counts.subscribed,
        "How often a registry of deadlines subscribed to cancellations.";
        "sluicegate.deadline.registry.rechecked": counts.rechecked,
        "Deadlines that were checked again after a subscription was lost.";
    }
}
