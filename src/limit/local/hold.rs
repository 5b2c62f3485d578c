//! Holds a charge in a bucket of this process, and settles it.

use std::{hash::Hash, sync::Arc};

use super::{
    limiter::{Direct, Keyed, Local},
    shared::Shared,
    store::Store,
};
use crate::{
    clock::Clock,
    limit::{
        decision::Decision,
        hold::{Held, HeldCharge, Hold, HoldError, HoldLimiter, Holding},
        limiter::Wait,
        reservation::{Charge, CheckRequest},
        rules::{quota::Cost, rule::Rule},
    },
};

impl<R: Rule, C: Clock> Local<R, Keyed, C> {
    /// Charges `estimate` to `key` if it is there, to be settled when the real
    /// cost is known.
    ///
    /// Never sleeps, like [`check`](Local::check). Allocates once. An estimate
    /// of 0 is held unless the budget is in debt.
    ///
    /// # Errors
    ///
    /// With the denial if the budget does not have it.
    ///
    /// ```
    /// use sluicegate::limit::{Local, Quota, SlidingLog};
    ///
    /// let failures = Local::keyed(SlidingLog::new(Quota::per_hour(3)));
    /// let log_in = |user, password_is_right: bool| {
    ///     let Ok(attempt) = failures.hold(user, 1) else { return "locked" };
    ///     match password_is_right {
    ///         true => { attempt.give_back(); "welcome" }
    ///         false => { attempt.keep(); "wrong" }
    ///     }
    /// };
    /// for _ in 0..3 {
    ///     assert_eq!(log_in("ann", true), "welcome");
    ///     assert_eq!(log_in("ann", false), "wrong");
    /// }
    /// assert_eq!(log_in("ann", true), "locked");
    /// ```
    pub fn hold<K: Hash + ?Sized>(&self, key: &K, estimate: Cost) -> Result<Hold, Decision> {
        Shared::hold(&self.shared, self.shared.hash(key), estimate)
    }

    /// Charges `estimate` to `key` as soon as it is there. Waits like
    /// [`until_ready`](Local::until_ready).
    pub fn hold_until_ready<K: Hash + ?Sized>(
        &self,
        key: &K,
        estimate: Cost,
        wait: Wait,
    ) -> Holding {
        Shared::hold_until_ready(&self.shared, self.shared.hash(key), estimate, wait)
    }
}

impl<R: Rule, C: Clock> Local<R, Direct, C> {
    /// Charges `estimate` if it is there; see [`hold`](Local::hold) with a key.
    ///
    /// # Errors
    ///
    /// With the denial if the budget does not have it.
    pub fn hold(&self, estimate: Cost) -> Result<Hold, Decision> {
        Shared::hold(&self.shared, 0, estimate)
    }

    /// Charges `estimate` as soon as it is there; see
    /// [`hold_until_ready`](Local::hold_until_ready) with a key.
    pub fn hold_until_ready(&self, estimate: Cost, wait: Wait) -> Holding {
        Shared::hold_until_ready(&self.shared, 0, estimate, wait)
    }
}

/// A limiter with keys holds for each of them.
impl<R: Rule, C: Clock, K: Hash + ?Sized> HoldLimiter<K> for Local<R, Keyed, C> {
    fn hold(&self, key: &K, estimate: Cost) -> Holding {
        Holding::now(Local::<R, Keyed, C>::hold(self, key, estimate).map_err(HoldError::Denied))
    }

    fn hold_until_ready(&self, key: &K, estimate: Cost, wait: Wait) -> Holding {
        Local::<R, Keyed, C>::hold_until_ready(self, key, estimate, wait)
    }
}

/// A limiter without keys holds for requests without keys.
impl<R: Rule, C: Clock> HoldLimiter<()> for Local<R, Direct, C> {
    fn hold(&self, _key: &(), estimate: Cost) -> Holding {
        Holding::now(Local::<R, Direct, C>::hold(self, estimate).map_err(HoldError::Denied))
    }

    fn hold_until_ready(&self, _key: &(), estimate: Cost, wait: Wait) -> Holding {
        Local::<R, Direct, C>::hold_until_ready(self, estimate, wait)
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Charges at once, or returns the denial.
    fn hold(this: &Arc<Self>, key: u64, estimate: Cost) -> Result<Hold, Decision> {
        let max_wait = this.longest_wait(key, None);
        Self::held_or_denied(this, key, this.charge(key, estimate, max_wait))
    }

    /// Charges at once, or takes a place in the queue.
    fn hold_until_ready(this: &Arc<Self>, key: u64, estimate: Cost, wait: Wait) -> Holding {
        let max_wait = this.max_wait(&wait).unwrap_or(0);
        let charged = this.charge(key, estimate, 0);
        if charged.0.is_admitted() || max_wait == 0 {
            return Self::decided(this, key, charged);
        }
        match Self::join_queue(this, key, estimate, (max_wait, wait.max_queue)) {
            Err(charged) => Self::decided(this, key, charged),
            Ok(booking) => {
                let this = this.clone();
                Holding::later(async move {
                    let charged = booking.wait().await;
                    Self::held_or_denied(&this, key, charged).map_err(HoldError::Denied)
                })
            }
        }
    }

    /// Holds as a member of several limits: only a queue makes callers wait.
    pub(super) fn hold_as_member(this: &Arc<Self>, key: u64, request: CheckRequest) -> Holding {
        let wait = request.wait.filter(|_| this.rule.queues());
        Self::hold_within(this, key, request.cost, wait)
    }

    /// Holds at once, or within a wait if there is one.
    pub(super) fn hold_within(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        wait: Option<Wait>,
    ) -> Holding {
        match wait {
            Some(wait) => Self::hold_until_ready(this, key, cost, wait),
            None => Holding::now(Self::hold(this, key, cost).map_err(HoldError::Denied)),
        }
    }

    fn decided(this: &Arc<Self>, key: u64, charged: (Decision, Charge)) -> Holding {
        Holding::now(Self::held_or_denied(this, key, charged).map_err(HoldError::Denied))
    }

    /// Returns the hold of a charge, or the denial.
    fn held_or_denied(
        this: &Arc<Self>,
        key: u64,
        (decision, charge): (Decision, Charge),
    ) -> Result<Hold, Decision> {
        match decision.is_admitted() {
            true => {
                let held = Held::One(Self::held(this, key, charge));
                Ok(Hold::of(decision, charge.cost, held))
            }
            false => Err(decision),
        }
    }

    /// Returns the way to settle a charge.
    pub(super) fn held(this: &Arc<Self>, key: u64, charge: Charge) -> HeldCharge {
        let this = this.clone();
        HeldCharge::new(move |actual| this.settle(key, charge, actual))
    }

    /// Puts the real cost in place of a charge.
    fn settle(&self, key: u64, charge: Charge, actual: Cost) {
        match charge.cost.checked_sub(actual) {
            Some(cost) => self.undo(key, Charge { cost, ..charge }),
            None => self.debit(key, actual - charge.cost),
        }
    }
}
