//! The most that rules promise to let pass in any window of the period.

use sluicegate::limit::Quota;

/// The limit itself: the sliding log, and a queue, whose requests are at least
/// period / amount apart.
pub(super) fn exact(quota: &Quota) -> u64 {
    quota.amount()
}

/// GCRA: B + rate x t, where t is the period.
pub(super) fn burst_and_rate(quota: &Quota) -> u64 {
    quota.burst_size() + quota.amount()
}

/// The limit in each of two windows that the span touches.
pub(super) fn two_windows(quota: &Quota) -> u64 {
    2 * quota.amount()
}

/// The sliding window: with `p` in the window before, of which a part `e / W` is over,
/// at most `p + amount - p * (1 - e / W)`, which is less than twice the amount.
pub(super) fn below_two_windows(quota: &Quota) -> u64 {
    2 * quota.amount() - 1
}

/// As [`two_windows`], and one more in each: `tower-resilience` admits while its
/// estimate is below the limit, also by less than one request.
pub(super) fn two_rounded_windows(quota: &Quota) -> u64 {
    2 * (quota.amount() + 1)
}
