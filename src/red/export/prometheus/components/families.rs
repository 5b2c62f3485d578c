//! Helpers for the families of all components: making families and labels, and
//! adding counters.

use crate::red::export::{
    family::{Family, SECONDS},
    prometheus::exposition::{Exposition, SampleLabels, SampleValue},
};

/// Returns a family of numbers without a unit.
pub(super) const fn count_family(name: &'static str, help: &'static str) -> Family {
    let unit = "1";
    Family { name, unit, help }
}

/// Returns a family of durations.
pub(super) const fn seconds_family(name: &'static str, help: &'static str) -> Family {
    let unit = SECONDS;
    Family { name, unit, help }
}

/// Returns one label.
pub(super) fn label(name: &str, value: &str) -> SampleLabels {
    vec![(name.into(), value.into())]
}

/// Returns two labels.
pub(super) fn labels(one: (&str, &str), other: (&str, &str)) -> SampleLabels {
    [one, other]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

/// Adds a counter.
pub(super) fn add_count(
    into: &mut Exposition,
    family: &'static Family,
    labels: &SampleLabels,
    count: u64,
) {
    into.add(family, labels.clone(), SampleValue::Counter(count));
}

/// Adds a gauge.
pub(super) fn add_gauge(
    into: &mut Exposition,
    family: &'static Family,
    labels: SampleLabels,
    value: u64,
) {
    into.add(family, labels, SampleValue::Gauge(value));
}

/// Adds counters that all have the same labels: `"name": value, "help";` for
/// each.
macro_rules! add_counts {
    ($into:expr, $labels:expr; $($name:literal: $count:expr, $help:literal;)+) => {$({
        static FAMILY: Family = count_family($name, $help);
        add_count($into, &FAMILY, $labels, $count);
    })+};
}
pub(super) use add_counts;
