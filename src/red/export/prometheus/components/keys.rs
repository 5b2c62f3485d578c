//! The family of idempotency keys.

use super::families::{add_count, count_family, label};
use crate::{
    idempotency::Snapshot,
    red::export::{family::Family, prometheus::exposition::Exposition},
};

static EVENTS: Family = count_family(
    "sluicegate.idempotency.events",
    "Events of requests, messages and jobs with idempotency keys.",
);

/// Adds a counter for each event.
pub(super) fn add(into: &mut Exposition, counts: &Snapshot) {
    for (event, number) in [
        ("began", counts.began),
        ("recovered", counts.recovered),
        ("completed", counts.completed),
        ("released", counts.released),
        ("lost", counts.lost),
        ("unsaved", counts.unsaved),
        ("saved_late", counts.saved_late),
        ("restored", counts.restored),
        ("renewed_late", counts.renewed_late),
        ("abandoned", counts.abandoned),
        ("replayed", counts.replayed),
        ("mismatched", counts.mismatched),
        ("running", counts.running),
        ("waited", counts.waited),
        ("unknown", counts.unknown),
        ("store_failed", counts.store_failed),
        ("passed", counts.passed),
        ("missing", counts.missing),
        ("malformed", counts.malformed),
        ("unowned", counts.unowned),
        ("too_large", counts.too_large),
        ("overloaded", counts.overloaded),
        ("unreadable", counts.unreadable),
        ("not_retained", counts.not_retained),
        ("failed_open", counts.failed_open),
    ] {
        add_count(into, &EVENTS, &label("event", event), number);
    }
}
