//! What is known of a rule over all traffic.

use crate::{
    report::view::View,
    results::{Figures, Rule},
};

/// The sums and the worst values of one rule under one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) rule: &'a Rule,
    pub(super) requests: u64,
    pub(super) admitted: u64,
    /// The most that passed in a period.
    pub(super) most: u64,
    /// The largest variation of gaps.
    pub(super) variation: f64,
    /// The longest wait of 99 of 100 requests, in microseconds.
    pub(super) p99_us: u64,
    /// The lowest index of fairness.
    pub(super) fairness: f64,
}

/// Returns the records of all rules.
pub(super) fn records(view: View<'_>) -> Vec<Record<'_>> {
    let rules = view.results.rules.iter().enumerate();
    rules
        .map(|(place, rule)| record(view, place, rule))
        .collect()
}

fn record<'a>(view: View<'a>, place: usize, rule: &'a Rule) -> Record<'a> {
    let traffic = 0..view.results.traffic.len();
    let figures: Vec<&Figures> = traffic
        .map(|traffic| view.results.figures(view.cell, traffic, place))
        .collect();
    let largest = |value: fn(&Figures) -> f64| {
        figures
            .iter()
            .map(|figures| value(figures))
            .fold(0.0, f64::max)
    };
    Record {
        rule,
        requests: figures.iter().map(|figures| figures.requests).sum(),
        admitted: figures.iter().map(|figures| figures.admitted).sum(),
        most: figures
            .iter()
            .map(|figures| figures.most_in_period)
            .max()
            .unwrap_or(0),
        variation: largest(|figures| figures.gap_variation.unwrap_or(0.0)),
        p99_us: figures
            .iter()
            .filter_map(|figures| figures.waits)
            .map(|waits| waits.p99_us)
            .max()
            .unwrap_or(0),
        fairness: figures
            .iter()
            .map(|figures| figures.fairness)
            .fold(1.0, f64::min),
    }
}
