//! All figures of one record.

use sluicegate::{clock::Tick, limit::Quota};

use super::{fairness, gap_variation, most_in_any_window, waits};
use crate::{
    compare::{simulate::Record, traffic::Pattern},
    results::{Figures, Traffic},
};

/// Returns the figures of a record. `bound` is the promise of the rule.
pub fn figures(pattern: &Pattern, record: &Record, quota: &Quota, bound: u64) -> Figures {
    let passed = passed(pattern, record);
    let period = quota.period().as_micros() as Tick;
    let most = passed.iter().map(|times| most_in_any_window(times, period));
    // The first of the busiest.
    let busiest = passed.iter().rev().max_by_key(|times| times.len());
    Figures {
        arrivals: bins(&pattern.traffic, record.attempts.iter().copied()),
        admissions: bins(&pattern.traffic, passed.iter().flatten().copied()),
        requests: record.requests.iter().sum(),
        attempts: record.attempts.len() as u64,
        admitted: record.passages.len() as u64,
        refused: record.refused,
        most_in_period: most.max().unwrap_or(0),
        bound,
        waits: waits(&record.passages),
        gap_variation: busiest.and_then(|times| gap_variation(times)),
        fairness: fairness(pattern, record, quota),
    }
}

/// Returns the instants at which requests passed, for each bucket, in order.
fn passed(pattern: &Pattern, record: &Record) -> Vec<Vec<Tick>> {
    let mut passed = vec![Vec::new(); pattern.buckets()];
    for passage in &record.passages {
        passed[pattern.bucket(passage.client)].push(passage.at);
    }
    passed.iter_mut().for_each(|times| times.sort_unstable());
    passed
}

/// Counts the instants in each bin. Those after the end of the traffic are in none,
/// because a plot would show them as a peak at its end.
fn bins(traffic: &Traffic, times: impl Iterator<Item = Tick>) -> Vec<u32> {
    let mut bins = vec![0; traffic.duration_us.div_ceil(traffic.bin_us) as usize];
    for at in times {
        if let Some(bin) = bins.get_mut((at / traffic.bin_us) as usize) {
            *bin += 1;
        }
    }
    bins
}

/// Rounds to four digits after the point.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}
