//! The page under one quota: what the sections are drawn from.

use super::{axes::Axes, moving::Moving};
use crate::results::{Cell, Figures, Measured, Results, Rule, Traffic};

/// One quota of the grid, and what all drawings share.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) results: &'a Results,
    pub(super) measured: Option<&'a Measured>,
    pub(super) axes: &'a Axes,
    pub(super) moving: &'a Moving,
    pub(super) cell: &'a Cell,
    /// The amount of the quota.
    pub(super) amount: u64,
    /// The burst of the quota.
    pub(super) burst: u64,
}

/// The outcome of one traffic under a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<'a> {
    pub(super) rule: &'a Rule,
    pub(super) traffic: &'a Traffic,
    pub(super) figures: &'a Figures,
}

impl<'a> View<'a> {
    /// Returns the outcomes of one traffic, in the order of the rules.
    pub(super) fn of_traffic(self, traffic: usize) -> Vec<Outcome<'a>> {
        let rules = 0..self.results.rules.len();
        rules.map(|rule| self.outcome(traffic, rule)).collect()
    }

    /// Returns for each rule its outcome with the largest `value`; the first of
    /// equal ones.
    pub(super) fn extremes(self, value: impl Fn(&Figures) -> f64) -> Vec<Outcome<'a>> {
        let rules = 0..self.results.rules.len();
        rules
            .filter_map(|rule| self.extreme(rule, &value))
            .collect()
    }

    fn extreme(self, rule: usize, value: impl Fn(&Figures) -> f64) -> Option<Outcome<'a>> {
        let traffic = 0..self.results.traffic.len();
        let outcomes = traffic.map(|traffic| self.outcome(traffic, rule));
        // `max_by` would return the last of equal ones.
        outcomes.reduce(|best, next| {
            if value(next.figures) > value(best.figures) {
                next
            } else {
                best
            }
        })
    }

    fn outcome(self, traffic: usize, rule: usize) -> Outcome<'a> {
        Outcome {
            rule: &self.results.rules[rule],
            traffic: &self.results.traffic[traffic],
            figures: self.results.figures(self.cell, traffic, rule),
        }
    }
}
