//! Every rule, with a quota that no bench reaches.

use std::time::Duration;

use lab::compare::candidates::candidates;
use sluicegate::{
    clock::Monotonic,
    limit::{FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket},
};

use super::{keys::Order, ours, side::Side};

/// A rule with one bucket, or with a bucket for each number.
pub(crate) struct Kind {
    /// Its name in code, as in the lab.
    pub(crate) id: &'static str,
    /// Its name to show, as in the lab.
    pub(crate) name: &'static str,
    pub(crate) direct: Box<dyn Fn() -> Side>,
    pub(crate) by_number: Box<dyn Fn(&Order) -> Side>,
}

/// All rules, the token bucket first.
pub(crate) fn all() -> [Kind; 6] {
    let deep = ours::deep();
    [
        kind("token-bucket", TokenBucket::new(deep)),
        kind("leaky-queue", LeakyBucket::new(deep)),
        kind("leaky-meter", LeakyBucket::meter(deep)),
        kind("sliding-window", SlidingWindow::new(wide())),
        kind("sliding-log", SlidingLog::new(brief())),
        kind("fixed-window", FixedWindow::new(wide())),
    ]
}

fn kind<R: Rule>(id: &'static str, rule: R) -> Kind {
    let same = rule.clone();
    Kind {
        id,
        name: name(id),
        direct: Box::new(move || ours::direct_by(rule.clone(), Monotonic::new())),
        by_number: Box::new(move |order| ours::by_number_by(same.clone(), order)),
    }
}

/// Returns the name that the lab shows.
pub(crate) fn name(id: &str) -> &'static str {
    let candidate = candidates().find(|candidate| candidate.id() == id);
    candidate.expect("the lab has all rules").title()
}

/// The largest count of a sliding window, more than the nanoseconds of a bench.
fn wide() -> Quota {
    within(50_000_000, Duration::from_millis(500))
}

/// The largest amount of a log, in a period so short that it has few entries: one for
/// each microsecond with a request, at most 500.
fn brief() -> Quota {
    within(65_536, Duration::from_micros(500))
}

fn within(amount: u64, period: Duration) -> Quota {
    Quota::new(amount, period).expect("the quota is valid")
}
