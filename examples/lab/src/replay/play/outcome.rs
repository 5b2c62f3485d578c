//! The result of playing a part of the keys, or all.

use compact_str::CompactString;
use sluicegate::clock::Tick;

use super::{
    column::Counted,
    refusal::Refusal,
    series::Series,
    versus::{Change, Versus},
};

/// The result of playing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Requests that were played.
    pub(crate) requests: u64,
    /// Keys that came, where one that was forgotten counts again.
    pub(crate) keys: u64,
    /// How many keys were forgotten.
    pub(crate) forgotten_keys: u64,
    /// Requests that were not played, because there was no room for their keys.
    pub(crate) without_room: u64,
    /// The requests of each minute.
    pub(crate) arrived: Series,
    /// One for each policy, the old one first if there is one.
    pub(crate) policies: Vec<PolicyOutcome>,
}

/// The result of one policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyOutcome {
    pub(crate) refused: u64,
    pub(crate) waited: u64,
    pub(crate) longest_wait_us: Tick,
    pub(crate) series: Series,
    /// The refused keys, in no order.
    pub(crate) keys: Vec<(CompactString, Refusal)>,
    pub(crate) versus: Versus,
}

impl Outcome {
    /// Adds the outcome of other keys under the same policies.
    pub(super) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.keys += other.keys;
        self.forgotten_keys += other.forgotten_keys;
        self.without_room += other.without_room;
        self.arrived.merge(other.arrived);
        if self.policies.is_empty() {
            self.policies = other.policies;
            return;
        }
        for (policy, other) in self.policies.iter_mut().zip(other.policies) {
            policy.merge(other);
        }
    }
}

impl PolicyOutcome {
    /// The outcome of a column. `old` is what the old policy counted.
    pub(super) fn new(counted: Counted, old: Option<&Counted>, names: &[CompactString]) -> Self {
        let versus = Versus {
            requests: counted.change,
            keys: old
                .map(|old| change_of_keys(old, &counted))
                .unwrap_or_default(),
        };
        let named = |(id, refusal)| (names[id as usize].clone(), refusal);
        Self {
            refused: counted.refused,
            waited: counted.waited,
            longest_wait_us: counted.longest_wait_us,
            series: counted.series,
            keys: counted.refusals.into_iter().map(named).collect(),
            versus,
        }
    }

    fn merge(&mut self, other: Self) {
        self.refused += other.refused;
        self.waited += other.waited;
        self.longest_wait_us = self.longest_wait_us.max(other.longest_wait_us);
        self.series.merge(other.series);
        self.keys.extend(other.keys);
        self.versus.merge(other.versus);
    }
}

/// Counts the keys that each of two policies refuses.
fn change_of_keys(old: &Counted, new: &Counted) -> Change {
    let both = old
        .refusals
        .keys()
        .filter(|id| new.refusals.contains_key(id));
    let both = both.count() as u64;
    Change {
        both,
        only_old: old.refusals.len() as u64 - both,
        only_new: new.refusals.len() as u64 - both,
    }
}
