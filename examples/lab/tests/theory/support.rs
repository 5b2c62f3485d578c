//! Plays attempts at given instants to one bucket of a candidate.

use lab::compare::candidates::{Answer, Candidate, candidates};
use sluicegate::limit::Quota;

pub(crate) const SECOND: u64 = 1_000_000;

pub(crate) fn candidate(id: &str) -> &'static Candidate {
    let mut all = candidates();
    all.find(|candidate| candidate.id() == id).unwrap()
}

/// Returns the instants at which requests passed, in the order in which they asked.
pub(crate) fn passages(id: &str, quota: &str, times: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut player = candidate(id).player(quota.parse::<Quota>().unwrap(), 1);
    let passages = times.into_iter().map(|at| match player.ask(0, at) {
        Answer::Pass { wait } => Some(at + wait),
        Answer::Refuse { .. } => None,
    });
    passages.flatten().collect()
}

/// An attempt each millisecond.
pub(crate) fn flood(seconds: u64) -> impl Iterator<Item = u64> {
    (0..seconds * SECOND).step_by(1_000)
}
