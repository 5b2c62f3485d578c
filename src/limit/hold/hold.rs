//! A charge as its owner sees it.

use std::{fmt, marker::PhantomData, mem};

use super::{
    charge::{Held, HeldCharge},
    drop_rule::{DropRule, GiveBack, Keep},
};
use crate::limit::{decision::Decision, rules::quota::Cost};

/// An estimate that was charged, and is settled when the real cost is known.
///
/// Made by `hold` of a limiter, such as [`Local::hold`](crate::limit::Local::hold).
///
/// | call | the budget afterwards |
/// |---|---|
/// | [`settle`](Self::settle) with less | as if only the real cost had been charged, if no other charge came in between; never more than that |
/// | [`settle`](Self::settle) with more | the rest is charged without asking, and the budget may go into debt |
/// | [`keep`](Self::keep) | as it is |
/// | [`give_back`](Self::give_back) | as for `settle(0)` |
/// | dropped as a `Hold<Keep>` | as for `keep` |
/// | dropped as a `Hold<GiveBack>` | as for `give_back` |
///
/// A credit in between may have given back what the hold has charged: the
/// settlement gives back so much less, and nothing after a reset, nor in Redis after
/// the server's clock stepped back. A debt is remembered as far as
/// [`Rule::max_debit`](crate::limit::Rule::max_debit) says.
///
/// ```
/// use sluicegate::limit::{Local, Quota, TokenBucket};
///
/// let tokens = Local::keyed(TokenBucket::new(Quota::per_minute(10_000)));
/// // The answer may have up to 4,000 tokens.
/// let hold = tokens.hold("ann", 4_000).expect("the budget is whole");
/// assert_eq!(tokens.peek("ann").remaining(), 6_000);
/// // It had 1,200.
/// hold.settle(1_200);
/// assert!(tokens.peek("ann").remaining() >= 8_800);
/// ```
///
/// A hold that is forgotten with [`mem::forget`] stays charged.
#[must_use = "dropped, a hold ends as its type says"]
pub struct Hold<D: DropRule = Keep> {
    decision: Decision,
    estimate: Cost,
    /// `None` once it has ended.
    held: Option<Held>,
    drop_rule: PhantomData<D>,
}

impl Hold {
    /// Creates a hold for a limiter of your own. `settle` is called at most
    /// once, with the real cost, which is the estimate if it is kept and 0 if
    /// it is given back. It must not panic, because it may run in a destructor.
    pub fn new(
        decision: Decision,
        estimate: Cost,
        settle: impl FnOnce(Cost) + Send + Sync + 'static,
    ) -> Self {
        let held = Held::One(HeldCharge::new(settle));
        Self::of(decision, estimate, held)
    }

    pub(crate) fn of(decision: Decision, estimate: Cost, held: Held) -> Self {
        Self {
            decision,
            estimate,
            held: Some(held),
            drop_rule: PhantomData,
        }
    }
}

impl<D: DropRule> Hold<D> {
    /// Returns the decision that admitted the estimate.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Returns the cost that is charged now.
    pub fn estimate(&self) -> Cost {
        self.estimate
    }

    /// Puts the real cost in place of the estimate.
    pub fn settle(mut self, actual: Cost) {
        self.end(actual);
    }

    /// Keeps the estimate charged.
    pub fn keep(self) {
        let estimate = self.estimate;
        self.settle(estimate);
    }

    /// Gives the estimate back.
    pub fn give_back(self) {
        self.settle(0);
    }

    /// Sets that the wait for its place is over.
    #[cfg(feature = "redis")]
    pub(crate) fn when_due(mut self) -> Self {
        self.decision = self.decision.when_due();
        self
    }

    /// Makes it a hold that gives its estimate back when it is dropped.
    pub fn or_give_back(self) -> Hold<GiveBack> {
        self.or()
    }

    /// Makes it a hold that keeps its estimate charged when it is dropped.
    pub fn or_keep(self) -> Hold<Keep> {
        self.or()
    }

    fn or<D2: DropRule>(mut self) -> Hold<D2> {
        Hold {
            decision: self.decision,
            estimate: self.estimate,
            held: mem::take(&mut self.held),
            drop_rule: PhantomData,
        }
    }

    /// Returns what it has charged, for a hold that it is a part of.
    pub(crate) fn into_held(mut self) -> Option<Held> {
        self.held.take()
    }

    /// Does nothing if it has ended.
    fn end(&mut self, actual: Cost) {
        if let Some(held) = self.held.take() {
            held.settle(actual);
        }
    }
}

impl<D: DropRule> Drop for Hold<D> {
    fn drop(&mut self) {
        self.end(D::kept(self.estimate));
    }
}

impl<D: DropRule> fmt::Debug for Hold<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("decision", &self.decision)
            .field("estimate", &self.estimate)
            .finish_non_exhaustive()
    }
}
