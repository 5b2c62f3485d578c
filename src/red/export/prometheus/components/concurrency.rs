//! The families of limits of concurrency.

use std::time::Duration;

#[cfg(feature = "redis")]
use super::families::add_counts;
use super::families::{add_count, add_gauge, count_family, label, labels, seconds_family};
use crate::{
    concurrency::{EntryOutcome, LimitReading, Rank, Shed},
    criticality::Criticality,
    red::{
        components::ConcurrencyCounts,
        export::{
            family::Family,
            prometheus::exposition::{Exposition, SampleLabels, SampleValue},
        },
    },
};

static REQUESTS: Family = count_family(
    "sluicegate.concurrency.requests",
    "Requests at a limit of concurrency, by verdict and criticality.",
);
static SHED: Family = count_family(
    "sluicegate.concurrency.shed",
    "Requests that a limit of concurrency refused, by reason and criticality.",
);
static SHADOWED: Family = count_family(
    "sluicegate.concurrency.shadowed",
    "Requests that a limit in shadow mode would have refused, by reason and criticality.",
);
static WAITS: Family = seconds_family(
    "sluicegate.concurrency.wait.duration",
    "How long requests waited in the queue, without those that did not wait.",
);
static LIMIT: Family = count_family(
    "sluicegate.concurrency.limit",
    "How many requests may be in flight: the sum of all keys in use; of a fleet's limit, the permits leased.",
);
static IN_FLIGHT: Family = count_family(
    "sluicegate.concurrency.in_flight",
    "Requests that hold a permit.",
);
static QUEUED: Family = count_family(
    "sluicegate.concurrency.queued",
    "Requests that wait for a permit, by criticality.",
);
static CUT_OFF: Family = count_family(
    "sluicegate.concurrency.cut_off_ratio",
    "The share of ranks, of all levels and cohorts, that the cut-off refuses; 0 while it refuses none.",
);
static SHORT: Family = seconds_family(
    "sluicegate.concurrency.adaptive.short",
    "How long requests took in the last window of an adaptive limit.",
);
static LONG: Family = seconds_family(
    "sluicegate.concurrency.adaptive.long",
    "How long requests take without load, as an adaptive limit estimates it.",
);

/// Adds the families of a limit.
pub(super) fn add(into: &mut Exposition, counts: &ConcurrencyCounts) {
    for level in Criticality::ALL {
        add_level(into, counts, level);
    }
    let limiter = label("limiter", &counts.name);
    let waits = SampleValue::Histogram(counts.waits.clone(), Vec::new());
    into.add(&WAITS, limiter.clone(), waits);
    if let Some(reading) = &counts.reading {
        add_reading(into, &limiter, reading);
    }
}

/// Adds what became of the requests of a level.
fn add_level(into: &mut Exposition, counts: &ConcurrencyCounts, level: Criticality) {
    let (name, decided) = (("limiter", &*counts.name), &counts.decided);
    let level_label = ("criticality".to_owned(), level.as_str().to_owned());
    let add = |into: &mut Exposition, family, label, number| {
        let mut labels = labels(name, label);
        labels.push(level_label.clone());
        add_count(into, family, &labels, number);
    };
    let passed = EntryOutcome::all().filter(|it| it.reason().is_none());
    for outcome in passed {
        let verdict = ("verdict", outcome.as_str());
        add(into, &REQUESTS, verdict, decided.count_of(outcome, level));
    }
    let refused = Shed::ALL.map(|shed| (shed, EntryOutcome::Shed(shed)));
    let shadowed = Shed::ALL.map(|shed| (shed, EntryOutcome::Shadowed(shed)));
    for (family, verdict, outcomes) in [(&SHED, "shed", refused), (&SHADOWED, "shadowed", shadowed)]
    {
        let number = |outcome| decided.count_of(outcome, level);
        let all = outcomes.iter().map(|(_, outcome)| number(*outcome)).sum();
        add(into, &REQUESTS, ("verdict", verdict), all);
        for (shed, outcome) in outcomes {
            add(into, family, ("reason", shed.as_str()), number(outcome));
        }
    }
}

/// Adds the numbers of a limit at this time.
fn add_reading(into: &mut Exposition, limiter: &SampleLabels, reading: &LimitReading) {
    let usage = &reading.usage;
    add_gauge(into, &LIMIT, limiter.clone(), usage.limit.into());
    add_gauge(into, &IN_FLIGHT, limiter.clone(), usage.in_flight.into());
    for level in Criticality::ALL {
        let mut labels = limiter.clone();
        labels.push(("criticality".into(), level.as_str().into()));
        add_gauge(into, &QUEUED, labels, usage.queued_of(level) as u64);
    }
    let refused = f64::from(usage.cut_off.index()) / Rank::COUNT as f64;
    into.add(&CUT_OFF, limiter.clone(), SampleValue::Ratio(refused));
    if let Some(estimate) = &reading.estimate {
        add_seconds(into, &SHORT, limiter, estimate.short);
        add_seconds(into, &LONG, limiter, estimate.long);
    }
    #[cfg(feature = "redis")]
    if let Some(fleet) = &reading.fleet {
        add_fleet(into, limiter, fleet);
    }
}

fn add_seconds(
    into: &mut Exposition,
    family: &'static Family,
    limiter: &SampleLabels,
    duration: Option<Duration>,
) {
    if let Some(duration) = duration {
        let seconds = SampleValue::Ratio(duration.as_secs_f64());
        into.add(family, limiter.clone(), seconds);
    }
}

/// Adds the leases of an instance.
#[cfg(feature = "redis")]
fn add_fleet(
    into: &mut Exposition,
    limiter: &SampleLabels,
    fleet: &crate::concurrency::FleetReading,
) {
    static INSTANCES: Family = count_family(
        "sluicegate.concurrency.redis.instances",
        "Instances that share a limit of concurrency, this one included; 0 if it is not known.",
    );
    let counts = &fleet.counts;
    add_counts! { into, limiter;
        "sluicegate.concurrency.redis.calls": counts.calls,
        "Calls of the script that leases permits.";
        "sluicegate.concurrency.redis.limits": counts.limits,
        "Limits that these calls were about; divided by calls it is the coalescing factor.";
        "sluicegate.concurrency.redis.failed": counts.failed,
        "Limits about which a call was not answered.";
        "sluicegate.concurrency.redis.unreadable": counts.unreadable,
        "Limits whose state in Redis could not be read.";
        "sluicegate.concurrency.redis.lapsed": counts.lapsed,
        "Leases that ended before they were renewed.";
        "sluicegate.concurrency.redis.outlived": counts.outlived,
        "Requests that were still served when their lease ended, beyond the limit of the fleet.";
    }
    let instances = fleet.instances.into();
    add_gauge(into, &INSTANCES, limiter.clone(), instances);
}
