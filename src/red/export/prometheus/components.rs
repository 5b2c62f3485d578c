//! What is exposed beside requests.

use super::exposition::{Exposition, SampleValue, add};
use crate::{
    deadline::Stage,
    limit::Outcome,
    red::{
        components::{
            Coalescing, ConnectionCounts, DeadlineCounts, LaneCounts, LimiterCounts, RegistryCounts,
        },
        export::family::{Family, SECONDS},
        slo::SloReport,
    },
};

const fn of(name: &'static str, help: &'static str) -> Family {
    let unit = "1";
    Family { name, unit, help }
}

const fn seconds(name: &'static str, help: &'static str) -> Family {
    let unit = SECONDS;
    Family { name, unit, help }
}

type Labels = Vec<(String, String)>;

fn label(name: &str, value: &str) -> Labels {
    vec![(name.into(), value.into())]
}

fn labels(one: (&str, &str), other: (&str, &str)) -> Labels {
    [one, other]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

fn count(into: &mut Exposition, family: &'static Family, labels: &Labels, count: u64) {
    add(into, family, labels.clone(), SampleValue::Counter(count));
}

static DECISIONS: Family = of(
    "sluicegate.limit.decisions",
    "What layers made of requests, by the limiter that was asked and its verdict.",
);
static FORGOTTEN: Family = of(
    "sluicegate.limit.forgotten",
    "Buckets that a limiter forgot while they were alive, because its table is full.",
);
static FELL_BACK: Family = of(
    "sluicegate.limit.fell_back",
    "Checks that a store did not answer, so that the limiter's policy decided.",
);
static QUESTIONS: Family = of(
    "sluicegate.limit.redis.questions",
    "Questions that a limiter sent to Redis; by calls, it is the coalescing factor.",
);
static CALLS: Family = of(
    "sluicegate.limit.redis.calls",
    "Calls of a limiter's script in Redis.",
);
static RECALLED: Family = of(
    "sluicegate.limit.redis.recalled",
    "Checks that were denied from memory, without asking Redis.",
);
static LEASED: Family = of(
    "sluicegate.limit.redis.leased",
    "Checks that a lease admitted, without asking Redis.",
);
static OVERLOADED: Family = of(
    "sluicegate.limit.redis.overloaded",
    "Questions that found a limiter's queue to Redis full.",
);
static UNREADABLE: Family = of(
    "sluicegate.limit.redis.unreadable",
    "Questions about buckets whose state in Redis could not be read, so that they failed.",
);

pub(crate) fn limiter(into: &mut Exposition, counts: &LimiterCounts) {
    for outcome in Outcome::ALL {
        let verdict = ("verdict", outcome.as_str());
        let labels = labels(("limiter", &counts.name), verdict);
        count(into, &DECISIONS, &labels, counts.decided.count(outcome));
    }
    let labels = label("limiter", &counts.name);
    count(into, &FORGOTTEN, &labels, counts.decided.forgotten);
    count(into, &FELL_BACK, &labels, counts.decided.fell_back);
    if let Some(redis) = &counts.redis {
        coalescing(into, &labels, redis);
    }
}

fn coalescing(into: &mut Exposition, labels: &Labels, counts: &Coalescing) {
    for (family, number) in [
        (&QUESTIONS, counts.requests),
        (&CALLS, counts.calls),
        (&RECALLED, counts.recalled),
        (&LEASED, counts.leased),
        (&OVERLOADED, counts.overloaded),
        (&UNREADABLE, counts.unreadable),
    ] {
        count(into, family, labels, number);
    }
}

static ENTERED: Family = of(
    "sluicegate.deadline.requests",
    "Requests that came in, by whether they had a deadline.",
);
static LEFT: Family = seconds(
    "sluicegate.deadline.left",
    "How much time was left of the deadlines with which requests came in.",
);
static CLAMPED: Family = of(
    "sluicegate.deadline.clamped",
    "Requests that asked for more time than they are given.",
);
static MALFORMED: Family = of(
    "sluicegate.deadline.malformed",
    "Timeouts of requests that could not be read.",
);
static REJECTED: Family = of(
    "sluicegate.deadline.rejected",
    "Requests that were refused at once, because too little time was left.",
);
static SPARED: Family = of(
    "sluicegate.deadline.spared",
    "Requests that would have been refused at once, but too many were already.",
);
static EXCEEDED: Family = of(
    "sluicegate.deadline.exceeded",
    "Requests whose time was over, by how far they had come.",
);

pub(crate) fn deadlines(into: &mut Exposition, counts: &DeadlineCounts) {
    for (had, number) in [("true", counts.with()), ("false", counts.without())] {
        count(into, &ENTERED, &label("deadline", had), number);
    }
    let left = SampleValue::Histogram(counts.left.clone(), Vec::new());
    add(into, &LEFT, Vec::new(), left);
    let noticed = &counts.noticed;
    for (family, number) in [
        (&CLAMPED, noticed.clamped),
        (&MALFORMED, noticed.malformed),
        (&REJECTED, noticed.rejected),
        (&SPARED, noticed.admitted_over_budget),
    ] {
        count(into, family, &Vec::new(), number);
    }
    for stage in Stage::ALL {
        let labels = label("stage", stage.as_str());
        count(into, &EXCEEDED, &labels, noticed.exceeded(stage));
    }
}

static TOLD: Family = of(
    "sluicegate.deadline.registry.told",
    "Holders of deadlines in this process that were told of a cancellation.",
);
static REGISTRY_FELL_BACK: Family = of(
    "sluicegate.deadline.registry.fell_back",
    "Deadlines that were reckoned without Redis, because it did not answer.",
);
static SUBSCRIBED: Family = of(
    "sluicegate.deadline.registry.subscribed",
    "How often a registry of deadlines subscribed to what is cancelled.",
);
static RECHECKED: Family = of(
    "sluicegate.deadline.registry.rechecked",
    "Deadlines that were asked about anew after a subscription was lost.",
);

pub(crate) fn deadline_registry(into: &mut Exposition, registry: &RegistryCounts) {
    let (labels, counts) = (label("registry", &registry.name), &registry.counts);
    for (family, number) in [
        (&TOLD, counts.told),
        (&REGISTRY_FELL_BACK, counts.fell_back),
        (&SUBSCRIBED, counts.subscribed),
        (&RECHECKED, counts.rechecked),
    ] {
        count(into, family, &labels, number);
    }
}

static REDIS_CALLS: Family = of(
    "sluicegate.redis.calls",
    "Calls on a connection to Redis, whether or not they succeeded.",
);
static FAILURES: Family = of(
    "sluicegate.redis.failures",
    "Calls on a connection to Redis that failed, for any reason.",
);
static TIMEOUTS: Family = of(
    "sluicegate.redis.timeouts",
    "Calls on a connection to Redis that were not answered in time.",
);
static SHUT: Family = of(
    "sluicegate.redis.shut",
    "Calls on a connection to Redis that an open breaker answered.",
);
static SCRIPTS: Family = of(
    "sluicegate.redis.unknown_scripts",
    "Calls that were sent again with their script, which the server did not know.",
);
static REDIRECTIONS: Family = of(
    "sluicegate.redis.redirections",
    "Redirections that were followed in a cluster.",
);
static CONNECTS: Family = of(
    "sluicegate.redis.connects",
    "Connections to Redis that were made.",
);
static OPENED: Family = of(
    "sluicegate.redis.breaker.opened",
    "How often a breaker opened; in a cluster, each node has one.",
);
static CLOSED: Family = of(
    "sluicegate.redis.breaker.closed",
    "How often a probe closed a breaker again.",
);
static MIXED_UP: Family = of(
    "sluicegate.redis.mixed_up",
    "Connections to Redis that were closed because an answer belonged to another call.",
);
static LANE_CALLS: Family = of(
    "sluicegate.redis.lane.calls",
    "Calls on a lane of a connection to Redis: limits, records, counts, deadlines.",
);
static LANE_FAILURES: Family = of(
    "sluicegate.redis.lane.failures",
    "Calls on a lane of a connection to Redis that failed, for any reason.",
);
static LANE_TIMEOUTS: Family = of(
    "sluicegate.redis.lane.timeouts",
    "Calls on a lane of a connection to Redis that were not answered in time.",
);
static LANE_SHUT: Family = of(
    "sluicegate.redis.lane.shut",
    "Calls on a lane of a connection to Redis that an open breaker answered.",
);
static LANE_OPEN: Family = of(
    "sluicegate.redis.lane.open",
    "1 while no server is asked for a lane, because its breakers are open.",
);
static OPEN: Family = of(
    "sluicegate.redis.breaker.open",
    "1 while no server is asked for at least one lane, because its breakers are open.",
);
static LATENCY: Family = seconds(
    "sluicegate.redis.call.duration",
    "How long calls on a connection to Redis took.",
);

pub(crate) fn connection(into: &mut Exposition, counts: &ConnectionCounts) {
    let name = &counts.name;
    let labels = label("connection", name);
    for (family, number) in [
        (&REDIS_CALLS, counts.calls),
        (&FAILURES, counts.failures),
        (&TIMEOUTS, counts.timeouts),
        (&SHUT, counts.shut),
        (&SCRIPTS, counts.unknown_scripts),
        (&REDIRECTIONS, counts.redirections),
        (&CONNECTS, counts.connects),
        (&OPENED, counts.opened),
        (&CLOSED, counts.closed),
        (&MIXED_UP, counts.mixed_up),
    ] {
        count(into, family, &labels, number);
    }
    let open = SampleValue::Gauge(counts.is_open.into());
    add(into, &OPEN, labels.clone(), open);
    let latency = SampleValue::Histogram(counts.latency.clone(), Vec::new());
    add(into, &LATENCY, labels, latency);
    for counts in &counts.lanes {
        lane(into, name, counts);
    }
}

fn lane(into: &mut Exposition, connection: &str, counts: &LaneCounts) {
    let labels = labels(("connection", connection), ("lane", counts.lane));
    for (family, number) in [
        (&LANE_CALLS, counts.calls),
        (&LANE_FAILURES, counts.failures),
        (&LANE_TIMEOUTS, counts.timeouts),
        (&LANE_SHUT, counts.shut),
    ] {
        count(into, family, &labels, number);
    }
    let open = SampleValue::Gauge(counts.is_open.into());
    add(into, &LANE_OPEN, labels, open);
}

#[cfg(feature = "idempotency")]
static KEYS: Family = of(
    "sluicegate.idempotency.events",
    "What became of requests, messages and jobs with idempotency keys.",
);

#[cfg(feature = "idempotency")]
pub(crate) fn keys(into: &mut Exposition, counts: &crate::idempotency::Snapshot) {
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
        count(into, &KEYS, &label("event", event), number);
    }
}

static EVENTS: Family = of(
    "sluicegate.slo.events",
    "What an objective counts, by whether it was good.",
);
static OBJECTIVE: Family = of(
    "sluicegate.slo.objective_ratio",
    "Which share has to be good.",
);
static REMAINING: Family = of(
    "sluicegate.slo.error_budget_remaining_ratio",
    "Which share of the errors that are allowed in the period is left; below 0 it is overspent.",
);
static BURN: Family = of(
    "sluicegate.slo.burn_rate",
    "How fast the error budget was spent in the last so long; at 1 it lasts for the period.",
);
static FIRING: Family = of(
    "sluicegate.slo.alert_firing",
    "1 while an error budget burns so fast, over this window and a shorter one, that somebody has to look.",
);

pub(crate) fn slo(into: &mut Exposition, report: &SloReport) {
    let name = ("slo", &*report.name);
    for (good, number) in [("true", report.events.good), ("false", report.events.bad())] {
        count(into, &EVENTS, &labels(name, ("good", good)), number);
    }
    let slo = label("slo", &report.name);
    let remaining = SampleValue::Share(report.budget.remaining());
    add(
        into,
        &OBJECTIVE,
        slo.clone(),
        SampleValue::Share(report.objective),
    );
    add(into, &REMAINING, slo, remaining);
    for burn in &report.burns {
        let labels = labels(name, ("window", &burn.name()));
        add(into, &BURN, labels, SampleValue::Share(burn.rate));
    }
    for alert in &report.alerts {
        let window = ("window", &*alert.long.name());
        let mut labels = labels(name, window);
        labels.push(("severity".into(), alert.severity.as_str().into()));
        let firing = SampleValue::Gauge(alert.is_firing().into());
        add(into, &FIRING, labels, firing);
    }
}
