//! The figures of a rule over all traffic.

use crate::{
    report::{section::evenness, view::View},
    results::{Figures, Rule},
};

/// The sums and the worst values of one rule under one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) rule: &'a Rule,
    pub(super) requests: u64,
    pub(super) attempts: u64,
    pub(super) admitted: u64,
    /// The most that passed in a period.
    pub(super) most: u64,
    /// Half of the traffics have at most this variation of gaps.
    pub(super) variation: f64,
    /// Whether requests wait with traffic that does not retry.
    pub(super) queues: bool,
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
    let figures = traffic.map(|traffic| view.results.figures(view.cell, traffic, place));
    let figures: Vec<&Figures> = figures.collect();
    Record {
        rule,
        requests: figures.iter().map(|figures| figures.requests).sum(),
        attempts: figures.iter().map(|figures| figures.attempts).sum(),
        admitted: figures.iter().map(|figures| figures.admitted).sum(),
        most: figures
            .iter()
            .map(|figures| figures.most_in_period)
            .max()
            .unwrap_or(0),
        variation: evenness(view, place).half,
        queues: figures.iter().any(|figures| waits_in_a_queue(figures)),
    }
}

/// A wait without a retry is one in a queue.
fn waits_in_a_queue(figures: &Figures) -> bool {
    figures.attempts == figures.requests && figures.waits.is_some_and(|waits| waits.max_us > 0)
}
