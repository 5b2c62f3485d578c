//! Finds the smallest quota of the grid for each rule and burst.

use std::time::Duration;

use rayon::prelude::*;
use sluicegate::limit::Quota;

use super::{
    allowed::{Allowed, Refused},
    play::play,
    trace::Trace,
};
use crate::replay::{Policy, Progress, RuleName};

/// The rules, quotas and bounds of a search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) rules: Vec<RuleName>,
    pub(super) period: Duration,
    /// From the smallest.
    pub(super) amounts: Vec<u64>,
    pub(super) bursts: Vec<u64>,
    pub(super) allowed: Allowed,
}

/// The smallest quota for a rule and a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rule: RuleName,
    /// `None` for a window.
    pub(super) burst: Option<u64>,
    /// The quota, and all that it refuses; `None` if no quota of the grid
    /// refuses so little.
    pub(super) smallest: Option<(Quota, Refused)>,
}

impl Search {
    /// Returns the rules and bursts to search.
    pub(super) fn searches(&self) -> Vec<(RuleName, Option<u64>)> {
        let bursts = |rule: RuleName| match rule.has_burst() {
            true => self.bursts.iter().map(|burst| Some(*burst)).collect(),
            false => vec![None],
        };
        let of_rule = |rule: &RuleName| {
            bursts(*rule)
                .into_iter()
                .map(|burst| (*rule, burst))
                .collect::<Vec<_>>()
        };
        self.rules.iter().flat_map(of_rule).collect()
    }

    /// Searches for all rules and bursts, on all processors.
    pub(super) fn run(&self, trace: &Trace, progress: &Progress) -> Vec<Found> {
        let find = |(rule, burst)| {
            let found = self.find(rule, burst, trace);
            progress.step();
            found
        };
        // Many and unequal searches, so that one at a time goes to a thread.
        self.searches()
            .into_par_iter()
            .with_max_len(1)
            .map(find)
            .collect()
    }

    /// Plays the amounts from the smallest until one refuses little enough.
    fn find(&self, rule: RuleName, burst: Option<u64>, trace: &Trace) -> Found {
        let policies = self.amounts.iter().filter_map(|amount| {
            let quota = Quota::new(*amount, self.period).ok()?;
            let quota = quota.try_burst(burst.unwrap_or(*amount)).ok()?;
            Some(Policy::new(rule, quota))
        });
        let smallest = policies
            .into_iter()
            .find(|policy| refused(policy, trace, self.allowed).is_some());
        let smallest = smallest.and_then(|policy| {
            let refused = refused(&policy, trace, Allowed::ALL)?;
            Some((policy.quota, refused))
        });
        Found {
            rule,
            burst,
            smallest,
        }
    }
}

/// Returns how much a policy refuses; `None` if it is more than allowed, or if
/// the rule cannot keep the quota.
fn refused(policy: &Policy, trace: &Trace, allowed: Allowed) -> Option<Refused> {
    play(policy, trace, allowed).ok().flatten()
}

/// Returns the places of the best pairs: for each rule, the one with the least
/// amount plus burst, and the smaller amount among equals.
pub(super) fn best(found: &[Found]) -> Vec<usize> {
    let order = |place: &usize| {
        let (quota, _) = found[*place].smallest?;
        Some((
            quota.amount() + found[*place].burst.unwrap_or(0),
            quota.amount(),
        ))
    };
    let mut rules: Vec<_> = found.iter().map(|found| found.rule).collect();
    rules.dedup();
    let best_of = |rule| {
        let places = (0..found.len()).filter(|place| found[*place].rule == rule);
        places
            .filter(|place| order(place).is_some())
            .min_by_key(order)
    };
    rules.into_iter().filter_map(best_of).collect()
}

#[cfg(test)]
mod tests;
