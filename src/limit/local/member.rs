//! A bucket in this process as a member of an `All`, which charges several
//! buckets or none.

use std::{hash::Hash, sync::Arc};

use super::{
    limiter::{Direct, Keyed, Keying, Local},
    shared::Shared,
    store::Store,
};
#[cfg(feature = "redis")]
use crate::limit::{
    limiter::Check,
    reservation::{GuardedDecision, Reservation, TicketLimiter},
};
use crate::{
    clock::{Clock, Tick},
    limit::{
        all::MemberError,
        decision::Decision,
        hold::Holding,
        limiter::Wait,
        member::{BucketId, Member, MemberBucket, Peek},
        reservation::{Charge, CheckRequest, Reserved, Rollback, Taken},
        rules::{
            quota::Cost,
            rule::{Rule, reserve},
        },
    },
};

/// A decision that needs no wait, and what it charged.
impl From<(Decision, Charge)> for Reserved {
    fn from((decision, charge): (Decision, Charge)) -> Self {
        let taken = Taken::Charge(charge);
        Self { decision, taken }
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Decides, or books within `max_wait` ticks, and returns with the decision
    /// what is needed to undo it.
    pub(super) fn charge(&self, key: u64, cost: Cost, max_wait: Tick) -> (Decision, Charge) {
        let (refunds, credits) = (self.refunds.before(key), self.credits.before(key));
        self.update(key, |rule, state, now| {
            let decision = reserve(rule, state, now, cost, max_wait);
            let at = now + decision.wait_ticks().unwrap_or(0);
            let mark = rule.mark(state, at);
            let charge = Charge {
                cost,
                at,
                mark,
                refunds,
                credits,
            };
            (decision, charge)
        })
    }

    /// Takes back as much of a charge as nothing else can have given back since;
    /// see [`Rule::undo`]. Others may have got theirs back even since a charge
    /// of a moment ago.
    pub(super) fn undo(&self, key: u64, charge: Charge) {
        let Charge { cost, at, mark, .. } = charge;
        if cost == 0 {
            return;
        }
        self.refund(key, cost, |rule, state, now| {
            // Read after the state: what that contains is counted, and so is this
            // charge itself.
            let refunded = self.refunds.since(key, charge.refunds);
            let others = refunded.wrapping_sub(self.as_mark(cost));
            let credited = self.credits.since(key, charge.credits);
            let cost = cost.saturating_sub(credited);
            if cost > 0 {
                rule.undo(state, now, cost, at, mark.saturating_sub(others));
            }
        });
    }

    /// Returns the denial of a cost, if it would be denied. A charge is taken
    /// back at the same instant, which leaves no trace.
    fn denial(&self, key: u64, cost: Cost, max_wait: Tick) -> Option<Decision> {
        self.update(key, |rule, state, now| {
            let decision = reserve(rule, state, now, cost, max_wait);
            if decision.is_admitted() {
                rule.credit(state, now, cost);
                return None;
            }
            Some(decision)
        })
    }

    /// Returns for how many ticks a caller may wait: only a queue makes callers
    /// wait here.
    pub(super) fn longest_wait(&self, key: u64, wait: Option<Wait>) -> Tick {
        match wait {
            _ if !self.rule.queues() => 0,
            None => Tick::MAX,
            Some(wait) if self.wait_queues().len(key) >= wait.max_queue => 0,
            Some(wait) => wait.longest(Tick::MAX),
        }
    }

    /// Reserves at once, or books a place if the rule has a queue.
    pub(super) fn reserve_or_wait(this: &Arc<Self>, key: u64, request: CheckRequest) -> Reserved {
        let CheckRequest { cost, wait } = request;
        let Some(wait) = wait.filter(|_| this.rule.queues()) else {
            return this.charge(key, cost, this.longest_wait(key, None)).into();
        };
        // Most callers need not wait, so the queue is locked only for the
        // others.
        let charged = this.charge(key, cost, 0);
        if charged.0.is_admitted() {
            return charged.into();
        }
        let max_wait = wait.longest(Tick::MAX);
        match Self::join_queue(this, key, cost, (max_wait, wait.max_queue)) {
            Ok(booking) => Reserved {
                decision: booking.decision,
                taken: Taken::Place(booking.reservation()),
            },
            Err(decided) => decided.into(),
        }
    }
}

/// A ticket is the hash of a key.
#[cfg(feature = "redis")]
impl<R: Rule, C: Clock> TicketLimiter for Local<R, Keyed, C> {
    fn check(&self, key: u64, request: CheckRequest) -> Check<Reservation> {
        let CheckRequest { cost, wait } = request;
        match wait {
            Some(wait) => Shared::until_ready(&self.shared, key, cost, wait),
            None => Check::Now(self.shared.check(key, cost)),
        }
    }

    fn hold(&self, key: u64, CheckRequest { cost, wait }: CheckRequest) -> Holding {
        Shared::hold_within(&self.shared, key, cost, wait)
    }

    fn check_up_to(&self, key: u64, cost: Cost) -> (Cost, Decision) {
        self.shared.check_up_to(key, cost)
    }

    fn reserve(&self, key: u64, request: CheckRequest) -> GuardedDecision {
        let Reserved { decision, taken } = Shared::reserve_or_wait(&self.shared, key, request);
        let rollback = match taken {
            Taken::Place(reservation) => Rollback::place(reservation),
            Taken::Charge(_) if decision.is_denied() => Rollback::nothing(),
            Taken::Charge(charge) => LocalBucket {
                shared: &self.shared,
                key,
            }
            .guard(charge),
        };
        GuardedDecision { decision, rollback }
    }
}

/// A bucket in this process, with its limiter. An `All` reserves in each of its
/// buckets, and rolls back those that admitted if another one denies.
pub(crate) struct LocalBucket<'a, R, S, C> {
    shared: &'a Arc<Shared<R, S, C>>,
    key: u64,
}

impl<R: Rule, S: Store<R::State>, C: Clock> MemberBucket for LocalBucket<'_, R, S, C> {
    fn id(&self) -> BucketId<'_> {
        BucketId::in_process(self.shared, self.key)
    }

    fn reserve(&self, request: CheckRequest) -> Option<Reserved> {
        Some(Shared::reserve_or_wait(self.shared, self.key, request))
    }

    fn hold(&self, request: CheckRequest) -> Holding<MemberError> {
        let holding = Shared::hold_as_member(self.shared, self.key, request);
        holding.map_err(|never| match never {})
    }

    fn certain_denial(&self, request: CheckRequest) -> Option<Decision> {
        let max_wait = self.shared.longest_wait(self.key, request.wait);
        self.shared.denial(self.key, request.cost, max_wait)
    }

    fn unseen(&self) -> Decision {
        let (rule, now) = (&self.shared.rule, self.shared.clock.now());
        rule.decide(&mut R::State::default(), now, 0)
    }

    fn peek_later(&self) -> Option<Peek> {
        let (shared, key) = (self.shared.clone(), self.key);
        Some(Box::new(move || shared.check(key, 0)))
    }

    fn roll_back(&self, charge: Charge) {
        self.shared.undo(self.key, charge);
    }

    fn guard(&self, charge: Charge) -> Rollback {
        let (shared, key) = (self.shared.clone(), self.key);
        Rollback::charge(move || shared.undo(key, charge))
    }
}

/// With keys, each key has a bucket that can be a member.
impl<R: Rule, C: Clock, K: Hash + ?Sized> Member<K> for Local<R, Keyed, C> {
    type Bucket<'a> = LocalBucket<'a, R, <Keyed as Keying<R>>::Store, C>;

    #[inline]
    fn bucket<'a>(&'a self, key: &K) -> Self::Bucket<'a> {
        let key = self.shared.hash(key);
        let shared = &self.shared;
        LocalBucket { shared, key }
    }
}

/// Without keys, the one bucket is a member for every request.
impl<R: Rule, C: Clock> Member<()> for Local<R, Direct, C> {
    type Bucket<'a> = LocalBucket<'a, R, <Direct as Keying<R>>::Store, C>;

    #[inline]
    fn bucket<'a>(&'a self, _key: &()) -> Self::Bucket<'a> {
        let (shared, key) = (&self.shared, 0);
        LocalBucket { shared, key }
    }
}
