//! The contract of a rule, and the two ways in which limiters call it besides
//! `decide`. Limiters bring the clock and the store.

use std::fmt;

use super::quota::{Cost, Quota};
use crate::{
    clock::Tick,
    limit::{decision::Decision, local::state::State},
};

/// The arithmetic of one limiter: from the state of a bucket, the present
/// instant and a cost, it makes a decision and the next state.
///
/// A rule is pure and counts in integers. `State::default()` is a bucket never
/// seen. These laws hold for every rule of this crate, and a rule of your own
/// should keep them:
///
/// * a denial changes nothing, unless the clock has stepped back by more than
///   the bucket explains: then the bucket counts as empty, or all costs in it
///   count as admitted now;
/// * a cost that was denied with a [`retry_after`](Decision::retry_after) is
///   denied one tick before it and admitted at it, if no other request came;
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
    /// The state of a bucket. For a rule of your own it is a
    /// [`Word`](crate::limit::Word), which limiters keep in a lock-free table.
    type State: State;

    /// Takes `cost` if it is there. A cost of 0 asks without taking.
    fn decide(&self, state: &mut Self::State, now: Tick, cost: Cost) -> Decision;

    /// Gives back `cost`. Never leaves more than a whole bucket.
    fn credit(&self, state: &mut Self::State, now: Tick, cost: Cost);

    /// Takes `cost` without asking. The bucket may go into debt, as far as
    /// [`max_debit`](Self::max_debit) tells.
    fn debit(&self, state: &mut Self::State, now: Tick, cost: Cost);

    /// Returns the largest [`debit`](Self::debit) of a whole bucket that is
    /// remembered in full; the rest of a larger one is forgotten. At least the
    /// limit in all rules of this crate.
    fn max_debit(&self) -> Cost {
        Cost::MAX
    }

    /// Takes `cost` after `wait` ticks, when it is there. Checks that come
    /// sooner find it taken. Costs that the booking waits for still count until
    /// then, because a [`credit`](Self::credit) may give the booking back.
    fn book(&self, state: &mut Self::State, now: Tick, cost: Cost, wait: Tick) -> Decision {
        self.decide(state, now + wait, cost).after(wait)
    }

    /// Returns a mark of the state that a charge left. By it,
    /// [`undo`](Self::undo) sees whether other requests came since, or how full
    /// the bucket was before. `at` is the instant of the charge, or the one at
    /// which a booking falls due.
    fn mark(&self, state: &Self::State, at: Tick) -> u64 {
        let _ = (state, at);
        0
    }

    /// Returns the [`mark`](Self::mark) of a charge after which so much was given
    /// back to the bucket, which its state does not tell. It is less by as much as
    /// the marks of the state before and after that differ. By default it is the
    /// same.
    fn mark_refunded(&self, mark: u64, refunded: Cost) -> u64 {
        let _ = refunded;
        mark
    }

    /// Takes back a charge of the earlier instant `at`, known by its
    /// [`mark`](Self::mark), because its request does not pass after all. Returns
    /// how much was taken back, where a token or leaky bucket names the whole
    /// cost if it took back any of it. Never leaves more than if the cost had
    /// not been charged; a part that cannot be told from the charges of others
    /// is lost.
    /// A state does not tell of what was given back to it in between: unless
    /// the mark was [told](Self::mark_refunded), up to `cost` more can be left.
    ///
    /// By default it is a [`credit`](Self::credit), which goes to the present.
    /// Rules override it if requests in between were decided by another window
    /// or entry.
    fn undo(&self, state: &mut Self::State, now: Tick, cost: Cost, at: Tick, mark: u64) -> Cost {
        let _ = (at, mark);
        self.credit(state, now, cost);
        cost
    }

    /// Whether the rule itself makes requests wait, with the verdict
    /// [`Queue`](crate::limit::Verdict::Queue). Then it denies a request that finds
    /// its queue full, however long the caller would wait.
    fn queues(&self) -> bool {
        false
    }

    /// Whether the state was written for a later instant than `now`: by a
    /// thread that read the clock later and came first, in advance, or before
    /// the clock stepped back. A rule that decides the same in these cases
    /// returns `false`.
    fn is_ahead(&self, state: &Self::State, now: Tick) -> bool {
        let _ = (state, now);
        false
    }

    /// Returns for how many ticks from now the bucket still differs from one
    /// never seen: 0 if it does not. Stores drop a bucket whose life is over.
    fn life(&self, state: &Self::State, now: Tick) -> Tick;

    /// Returns the longest life of a bucket without debt, in ticks.
    fn horizon(&self) -> Tick;

    /// Returns for how many ticks, before and after, a state can be read: words
    /// wrap. Stores drop dead buckets at least this often, so that they misread
    /// none.
    fn lifetime(&self) -> Tick {
        Tick::MAX
    }

    /// Returns the quota that the rule keeps.
    fn quota(&self) -> Quota;
}

/// Decides like [`Rule::decide`], or books the earliest instant within
/// `max_wait` ticks at which the cost is there. Then the verdict is
/// [`Queue`](crate::limit::Verdict::Queue), and later checks find the cost taken.
pub(crate) fn reserve<R: Rule>(
    rule: &R,
    state: &mut R::State,
    now: Tick,
    cost: Cost,
    max_wait: Tick,
) -> Decision {
    // A place further ahead than a state can be read would look like one that
    // lies behind, and the bucket like an empty one.
    let max_wait = max_wait.min(rule.lifetime());
    // Only a queue admits what has to wait, and its state is a word.
    let before = rule.queues().then(|| state.clone());
    let decision = rule.decide(state, now, cost);
    if let Some(wait) = decision.wait_ticks() {
        if wait <= max_wait {
            return decision;
        }
        match before {
            Some(before) => *state = before,
            None => rule.credit(state, now, cost),
        }
        // Decided anew, so that the numbers do not count the place given back.
        return rule.decide(state, now, 0).too_long(wait - max_wait);
    }
    match decision.retry_ticks() {
        Some(retry) if retry <= max_wait && !rule.queues() => rule.book(state, now, cost, retry),
        _ => decision,
    }
}

/// Takes as much as there is, up to `cost`, and returns how much that is. If
/// there is nothing, the decision is that for a cost of 1.
pub(crate) fn take_up_to<R: Rule>(
    rule: &R,
    state: &mut R::State,
    now: Tick,
    cost: Cost,
) -> (Cost, Decision) {
    // Both decisions are made in one step of the store: no request comes in
    // between.
    let left = rule.decide(state, now, 0).remaining().min(cost);
    let decision = rule.decide(state, now, left.max(cost.min(1)));
    let taken = if decision.is_admitted() { left } else { 0 };
    (taken, decision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Denial, LeakyBucket, TokenBucket, Verdict};

    /// One at once, one a second, and places for two.
    fn queue() -> LeakyBucket {
        LeakyBucket::new(Quota::per_second(1)).queue(2)
    }

    #[test]
    fn a_place_that_is_too_late_is_given_back_and_named() {
        let (rule, mut state) = (queue(), Default::default());
        assert!(reserve(&rule, &mut state, 0, 1, 0).is_admitted());
        let before = state;
        let denied = reserve(&rule, &mut state, 0, 1, 999_999);
        assert_eq!(denied.denial(), Some(Denial::WaitTooLong));
        assert_eq!((denied.retry_ticks(), state), (Some(1), before));
        assert!(reserve(&rule, &mut state, 0, 1, 1_000_000).is_admitted());
    }

    #[test]
    fn a_full_queue_is_over_its_limit_and_a_large_cost_never_fits() {
        let (rule, mut state) = (queue(), Default::default());
        for _ in 0..3 {
            assert!(reserve(&rule, &mut state, 0, 1, Tick::MAX).is_admitted());
        }
        let full = reserve(&rule, &mut state, 0, 1, Tick::MAX);
        assert_eq!(full.denial(), Some(Denial::OverLimit));
        let large = reserve(&rule, &mut state, 0, 4, Tick::MAX);
        assert_eq!(large.denial(), Some(Denial::NeverFits));
    }

    #[test]
    fn a_bucket_without_a_queue_books_within_the_wait() {
        let rule = TokenBucket::new(Quota::per_second(1));
        let mut state = Default::default();
        rule.decide(&mut state, 0, 1);
        let denied = reserve(&rule, &mut state, 0, 1, 999_999);
        assert_eq!(denied.denial(), Some(Denial::OverLimit));
        let booked = reserve(&rule, &mut state, 0, 1, 1_000_000);
        let second = std::time::Duration::from_secs(1);
        assert_eq!(booked.verdict(), Verdict::Queue(second));
    }
}
