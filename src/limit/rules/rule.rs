//! What a limiter decides, without a clock and without a store.

use std::fmt;

use super::quota::{Cost, Quota};
use crate::{
    clock::Tick,
    limit::{decision::Decision, local::state::State},
};

/// The arithmetic of one limiter: given what is known of a bucket, the present
/// instant and a cost, it decides, and changes what is known.
///
/// Pure, integers only. `State::default()` is a bucket never seen. These laws
/// hold for every rule of this crate, and whoever writes another should keep
/// them:
///
/// * a denial changes nothing, unless the clock has stepped back by more than the
///   bucket explains: then it counts as empty, or as if all of it had passed now;
/// * what was denied with a [`retry_after`](Decision::retry_after) is denied
///   one tick before it and admitted at it, if nobody else came;
/// * a state whose [`life`](Rule::life) is 0 decides like one never seen;
/// * an instant earlier than the last one admits no more than the last one
///   would have, within the [`lifetime`](Rule::lifetime) of a state.
///
/// A rule can be asked directly, with any instant:
///
/// ```
/// use sluicegate::limit::{Quota, Rule, TokenBucket};
///
/// let rule = TokenBucket::new(Quota::per_second(1).burst(2));
/// let mut state = Default::default();
/// assert!(rule.decide(&mut state, 0, 2).is_admitted());
/// assert!(!rule.decide(&mut state, 999_999, 1).is_admitted());
/// assert!(rule.decide(&mut state, 1_000_000, 1).is_admitted());
/// ```
pub trait Rule: Clone + fmt::Debug + Send + Sync + 'static {
    /// What is kept for each bucket: one [`Word`](crate::limit::Word) wherever the arithmetic
    /// allows.
    type State: State;

    /// Takes `cost` if it is there. A cost of 0 asks without taking.
    fn decide(&self, state: &mut Self::State, now: Tick, cost: Cost) -> Decision;

    /// Gives back `cost`. Never leaves more than a whole bucket.
    fn credit(&self, state: &mut Self::State, now: Tick, cost: Cost);

    /// Takes `cost` without asking. The bucket may go into debt, as far as
    /// [`max_debit`](Self::max_debit) tells.
    fn debit(&self, state: &mut Self::State, now: Tick, cost: Cost);

    /// The largest [`debit`](Self::debit) of a whole bucket that is remembered in
    /// full: what is taken beyond that is forgotten. At least the limit, for a rule
    /// of this crate.
    fn max_debit(&self) -> Cost {
        Cost::MAX
    }

    /// Takes `cost` after `wait` ticks, which is when it is there: whoever
    /// comes sooner finds it taken. What has passed until now still counts for
    /// whoever asks now, in case the booking is given back by a
    /// [`credit`](Self::credit).
    fn book(&self, state: &mut Self::State, now: Tick, cost: Cost, wait: Tick) -> Decision {
        self.decide(state, now + wait, cost).after(wait)
    }

    /// What tells, seen from the instant `at` of a charge, whether somebody has
    /// come after it: `state` is the one that the charge left. A booking is
    /// seen from when it falls due.
    fn mark(&self, state: &Self::State, at: Tick) -> u64 {
        let _ = (state, at);
        0
    }

    /// Takes back what was charged at the earlier instant `at`, with its
    /// [`mark`](Self::mark), for a request that does not pass after all, and
    /// answers how much that was. Never leaves more than if it had not been
    /// charged; what cannot be told apart from others' charges lapses. A state does
    /// not tell of credits and resets: if there was one in between, up to `cost`
    /// more can be left.
    ///
    /// It is a [`credit`](Self::credit) unless the rule knows better. A credit
    /// goes to the present; who came in between may have been judged by another
    /// window, or an older entry.
    fn undo(&self, state: &mut Self::State, now: Tick, cost: Cost, at: Tick, mark: u64) -> Cost {
        let _ = (at, mark);
        self.credit(state, now, cost);
        cost
    }

    /// Whether it makes requests wait by itself, with the verdict
    /// [`Queue`](crate::limit::Verdict::Queue). Then it refuses what finds its queue
    /// full, however patient the caller is.
    fn queues(&self) -> bool {
        false
    }

    /// Whether the state was written for a later instant than `now`: by somebody
    /// who read the clock later and came first, in advance, or before the clock
    /// stepped back. Only rules for which that matters have to say.
    fn is_ahead(&self, state: &Self::State, now: Tick) -> bool {
        let _ = (state, now);
        false
    }

    /// For how many ticks from now the bucket still differs from one never
    /// seen: 0 if it does not.
    fn life(&self, state: &Self::State, now: Tick) -> Tick;

    /// The longest life of a bucket without debt, in ticks.
    fn horizon(&self) -> Tick;

    /// For how many ticks, before and after, a state can be read: words wrap.
    /// Stores drop what is dead at least this often, and so never misread one.
    fn lifetime(&self) -> Tick {
        Tick::MAX
    }

    /// The quota that it keeps.
    fn quota(&self) -> Quota;
}

/// Decides like [`Rule::decide`], or else books the earliest instant within
/// `patience` at which the cost is there: the verdict is then
/// [`Queue`](crate::limit::Verdict::Queue), and whoever comes later finds it taken.
pub(crate) fn reserve<R: Rule>(
    rule: &R,
    state: &mut R::State,
    now: Tick,
    cost: Cost,
    patience: Tick,
) -> Decision {
    // Only a queue admits what has to wait, and its state is a word.
    let before = rule.queues().then(|| state.clone());
    let decision = rule.decide(state, now, cost);
    if let Some(wait) = decision.wait_ticks() {
        if wait <= patience {
            return decision;
        }
        match before {
            Some(before) => *state = before,
            None => rule.credit(state, now, cost),
        }
        // What it says of the bucket is said without the place that was given back.
        return rule.decide(state, now, 0).too_long(wait - patience);
    }
    match decision.retry_ticks() {
        Some(retry) if retry <= patience && !rule.queues() => rule.book(state, now, cost, retry),
        _ => decision,
    }
}

/// Takes as much as there is, up to `cost`; when there is nothing, it decides
/// about a cost of 1.
pub(crate) fn take_up_to<R: Rule>(
    rule: &R,
    state: &mut R::State,
    now: Tick,
    cost: Cost,
) -> (Cost, Decision) {
    let left = rule.decide(state, now, 0).remaining().min(cost);
    let decision = rule.decide(state, now, left.max(cost.min(1)));
    let taken = if decision.is_admitted() { left } else { 0 };
    (taken, decision)
}
