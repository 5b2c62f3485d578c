//! One policy with its buckets, and what it refused.

use std::collections::HashMap;

use sluicegate::{
    clock::Tick,
    limit::{Rule, Verdict},
};

use super::{batch::Played, keys::KeyId, refusal::Refusal, series::Series, versus::Change};
use crate::replay::policy::WithRule;

/// A policy with its buckets, whatever the rule.
pub(super) trait Column: Send {
    /// Plays requests. Where the old policy is told, the differences from it
    /// are counted. Returns which requests were refused.
    fn play(&mut self, batch: &[Played], old: Option<&[bool]>) -> &[bool];

    /// Makes room for so many keys.
    fn grow(&mut self, keys: usize);

    /// Whether the key has nothing refused and a bucket like one never seen.
    /// `last` is the instant of its last request.
    fn is_idle(&self, id: KeyId, now: Tick, last: Tick) -> bool;

    /// Forgets the bucket of a key.
    fn forget(&mut self, id: KeyId);

    /// Returns what was counted, and leaves nothing.
    fn finish(&mut self) -> Counted;
}

/// The counts of a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    /// Requests that were refused, or waited.
    pub(super) refused: u64,
    pub(super) waited: u64,
    /// The longest wait in a queue, in microseconds.
    pub(super) longest_wait_us: Tick,
    /// The refused requests of each minute.
    pub(super) series: Series,
    /// The refused requests of each key.
    pub(super) refusals: HashMap<KeyId, Refusal, ahash::RandomState>,
    /// Differences from the old policy.
    pub(super) change: Change,
}

struct RuleColumn<R: Rule> {
    rule: R,
    states: Vec<R::State>,
    /// Whether the last request of a key was refused. It saves a look into the
    /// refusals at each admission.
    refusing: Vec<bool>,
    counted: Counted,
    /// Which requests of the last batch were refused.
    denied: Vec<bool>,
}

/// Makes the column of a rule.
pub(super) struct NewColumn;

impl WithRule for NewColumn {
    type Output = Box<dyn Column>;

    fn with<R: Rule>(self, rule: R) -> Box<dyn Column> {
        Box::new(RuleColumn {
            rule,
            states: Vec::new(),
            refusing: Vec::new(),
            counted: Counted::default(),
            denied: Vec::new(),
        })
    }
}

impl<R: Rule> RuleColumn<R> {
    /// Plays a request, and returns whether it was refused.
    #[inline]
    fn step(&mut self, request: &Played) -> bool {
        let Played { at, id, cost, gap } = *request;
        let state = &mut self.states[id as usize];
        // Its bits would mean another instant.
        if gap > self.rule.lifetime() {
            *state = R::State::default();
        }
        let decision = self.rule.decide(state, at, cost.into());
        if decision.is_denied() {
            self.refuse(id, at);
            return true;
        }
        if self.refusing[id as usize] {
            self.admit_again(id, at);
        }
        if self.rule.queues()
            && let Verdict::Queue(wait) = decision.verdict()
        {
            self.counted.waited += 1;
            let wait_us = wait.as_micros() as Tick;
            self.counted.longest_wait_us = self.counted.longest_wait_us.max(wait_us);
        }
        false
    }

    fn refuse(&mut self, id: KeyId, at: Tick) {
        let refusal = self
            .counted
            .refusals
            .entry(id)
            .or_insert_with(|| Refusal::at(at));
        refusal.refuse(at);
        self.refusing[id as usize] = true;
        self.counted.refused += 1;
        self.counted.series.add(at);
    }

    #[cold]
    fn admit_again(&mut self, id: KeyId, at: Tick) {
        self.refusing[id as usize] = false;
        if let Some(refusal) = self.counted.refusals.get_mut(&id) {
            refusal.end(at);
        }
    }
}

impl<R: Rule> Column for RuleColumn<R> {
    fn play(&mut self, batch: &[Played], old: Option<&[bool]>) -> &[bool] {
        let mut denied = std::mem::take(&mut self.denied);
        denied.clear();
        denied.extend(batch.iter().map(|request| self.step(request)));
        for (new, old) in denied.iter().zip(old.unwrap_or_default()) {
            self.counted.change.count(*old, *new);
        }
        self.denied = denied;
        &self.denied
    }

    fn grow(&mut self, keys: usize) {
        self.states.resize_with(keys, Default::default);
        self.refusing.resize(keys, false);
    }

    fn is_idle(&self, id: KeyId, now: Tick, last: Tick) -> bool {
        let state = &self.states[id as usize];
        let is_whole = now - last > self.rule.lifetime() || self.rule.life(state, now) == 0;
        is_whole && !self.counted.refusals.contains_key(&id)
    }

    fn forget(&mut self, id: KeyId) {
        self.states[id as usize] = Default::default();
    }

    fn finish(&mut self) -> Counted {
        let mut counted = std::mem::take(&mut self.counted);
        counted.refusals.values_mut().for_each(Refusal::finish);
        counted
    }
}
