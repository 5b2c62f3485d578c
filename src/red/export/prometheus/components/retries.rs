//! The families of retries.

use super::families::{add_count, add_counts, count_family, label};
use crate::{
    client::retry::{Snapshot, Stop},
    red::export::{family::Family, prometheus::exposition::Exposition},
};

static ATTEMPTS: Family = count_family(
    "sluicegate.retry.attempts",
    "Attempts of outgoing calls: the first ones, and retries by how far the call had come.",
);
static STOPPED: Family = count_family(
    "sluicegate.retry.stopped",
    "Failed outgoing calls that were not sent again, by the reason.",
);

/// Adds the families of layers for retries.
pub(super) fn add(into: &mut Exposition, counts: &Snapshot) {
    for (attempt, number) in [
        ("first", counts.called),
        ("not_sent", counts.retried_not_sent),
        ("not_processed", counts.retried_not_processed),
        ("unknown", counts.retried_unknown),
    ] {
        add_count(into, &ATTEMPTS, &label("attempt", attempt), number);
    }
    for stop in Stop::ALL {
        let reason = label("reason", stop.as_str());
        add_count(into, &STOPPED, &reason, counts.stopped(stop));
    }
    add_counts! { into, &Vec::new();
        "sluicegate.retry.nested": counts.nested,
        "Outgoing calls that were passed on, because a layer further out retries them.";
        "sluicegate.retry.fleet.unavailable": counts.fleet_unavailable,
        "Retries that the budget of the process decided, because Redis did not answer.";
    }
}
