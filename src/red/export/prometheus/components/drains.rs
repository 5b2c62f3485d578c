//! The families of a drain.

use super::families::{add_count, add_counts, add_gauge, count_family, label};
use crate::{
    drain::{Ending, Stage},
    red::{
        components::DrainCounts,
        export::{family::Family, prometheus::exposition::Exposition},
    },
};

static ENDED: Family = count_family(
    "sluicegate.drain.ended",
    "Requests, and work under guards, that ended during a drain, by how they ended.",
);
static STAGE: Family = count_family(
    "sluicegate.drain.stage",
    "1 for the stage that the drain of this process has come to, 0 for the others.",
);
static IN_FLIGHT: Family = count_family(
    "sluicegate.drain.in_flight",
    "Requests and guards that a drain waits for, or would wait for.",
);

/// Adds the families of a drain.
pub(super) fn add(into: &mut Exposition, counts: &DrainCounts) {
    for end in Ending::ALL {
        let label = label("end", end.as_str());
        add_count(into, &ENDED, &label, counts.noticed.ended(end));
    }
    add_counts! { into, &Vec::new();
        "sluicegate.drain.refused": counts.noticed.refused,
        "Requests that a drain refused because they came too late.";
        "sluicegate.drain.unguarded": counts.noticed.unguarded,
        "Connections that became tunnels without a guard, so that no drain waits for them.";
    }
    if let Some((now, in_flight)) = counts.now {
        for stage in Stage::ALL {
            let is_now = (stage == now).into();
            add_gauge(into, &STAGE, label("stage", stage.as_str()), is_now);
        }
        add_gauge(into, &IN_FLIGHT, Vec::new(), in_flight as u64);
    }
}
