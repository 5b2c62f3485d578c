//! Makes results from the counts of the threads.

use std::cmp::Reverse;

use compact_str::CompactString;
use sluicegate::clock::Tick;

use super::replay_results::{PolicyResults, RefusedKey, ReplayResults};
use crate::replay::{
    input::InputTally,
    play::{Outcome, PolicyOutcome, Refusal},
    policy::Policy,
};

/// The other contents of the results.
pub(crate) struct About {
    pub(crate) key: String,
    pub(crate) first_us: Tick,
    pub(crate) last_us: Tick,
    pub(crate) input: InputTally,
    /// How many of the refused keys are listed.
    pub(crate) top: usize,
    /// Whether the first policy is that of `--against`.
    pub(crate) has_old: bool,
}

/// Makes results. There is one policy for each outcome of one.
pub(crate) fn summarize(outcome: Outcome, policies: &[Policy], about: About) -> ReplayResults {
    let summarized = policies.iter().zip(outcome.policies);
    let mut summarized =
        summarized.map(|(policy, outcome)| policy_results(policy, outcome, &about));
    let mut against = about.has_old.then(|| summarized.next()).flatten();
    if let Some(against) = &mut against {
        against.versus = None;
    }
    let policies = summarized.collect();
    ReplayResults {
        schema: 1,
        key: about.key,
        requests: outcome.requests,
        keys: outcome.keys,
        forgotten_keys: outcome.forgotten_keys,
        without_room: outcome.without_room,
        first_us: about.first_us,
        last_us: about.last_us,
        arrived: outcome.arrived,
        input: about.input,
        against,
        policies,
    }
}

fn policy_results(policy: &Policy, outcome: PolicyOutcome, about: &About) -> PolicyResults {
    let refusals = || outcome.keys.iter().map(|(_, refusal)| refusal);
    PolicyResults {
        rule: policy.rule.name(),
        quota: policy.quota.to_string(),
        refused: outcome.refused,
        waited: outcome.waited,
        longest_wait_us: outcome.longest_wait_us,
        refused_keys: outcome.keys.len() as u64,
        first_refused_us: refusals().map(|it| it.first).min(),
        longest_us: refusals().map(|it| it.longest_us).max().unwrap_or(0),
        refused_over_time: outcome.series,
        versus: about.has_old.then_some(outcome.versus),
        top: top(outcome.keys, about.top),
    }
}

/// Returns the keys that were refused most. Among equals, those refused first,
/// and then by name, so that the order does not depend on the threads.
fn top(mut keys: Vec<(CompactString, Refusal)>, count: usize) -> Vec<RefusedKey> {
    keys.sort_unstable_by(|(key, refusal), (other_key, other)| {
        let order = |it: &Refusal| (Reverse(it.count), it.first);
        (order(refusal), key).cmp(&(order(other), other_key))
    });
    keys.truncate(count);
    let refused_key = |(key, refusal): (CompactString, Refusal)| RefusedKey {
        key: key.into_string(),
        refused: refusal.count,
        first_us: refusal.first,
        last_us: refusal.last,
        total_us: refusal.total_us,
        longest_us: refusal.longest_us,
    };
    keys.into_iter().map(refused_key).collect()
}
