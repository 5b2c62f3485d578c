//! A bucket in this process as one of several.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    limiter::{Direct, Keyed, Keying, Local},
    shared::Shared,
    store::Store,
};
#[cfg(feature = "redis")]
use crate::limit::all::Held;
use crate::{
    clock::{Clock, Tick},
    limit::{
        all::{Asked, Bucket, Charge, Claim, Hold, Look, Member, Part, Sealed, Taken},
        decision::Decision,
        limiter::Wait,
        rules::{
            quota::Cost,
            rule::{Rule, reserve},
        },
    },
};

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Decides, or books within `max_wait` ticks, and says how to undo that.
    pub(super) fn charge(&self, key: u64, cost: Cost, max_wait: Tick) -> Taken {
        self.update(key, |rule, state, now| {
            let decision = reserve(rule, state, now, cost, max_wait);
            let at = now + decision.wait_ticks().unwrap_or(0);
            let mark = rule.mark(state, at);
            let claim = Claim::Charge(Charge { cost, at, mark });
            Taken { decision, claim }
        })
    }

    pub(super) fn undo(&self, key: u64, Charge { cost, at, mark }: Charge) {
        if cost > 0 {
            self.update(key, |rule, state, now| {
                rule.undo(state, now, cost, at, mark)
            });
        }
    }

    /// Takes it back at the same instant, which leaves no trace.
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

    /// Only a queue lets wait.
    fn longest_wait(&self, key: u64, wait: Option<Wait>) -> Tick {
        match wait {
            _ if !self.rule.queues() => 0,
            None => Tick::MAX,
            Some(wait) if self.lines().len(key) >= wait.max_queue => 0,
            Some(wait) => wait.longest(Tick::MAX),
        }
    }

    pub(super) fn take(this: &Arc<Self>, key: u64, asked: Asked) -> Taken {
        let Asked { cost, wait } = asked;
        let Some(wait) = wait.filter(|_| this.rule.queues()) else {
            return this.charge(key, cost, this.longest_wait(key, None));
        };
        // Most need not wait, so they are asked about before the line is locked.
        let taken = this.charge(key, cost, 0);
        if taken.decision.is_admitted() {
            return taken;
        }
        let max_wait = wait.longest(Tick::MAX);
        Self::stand_in_line(this, key, cost, (max_wait, wait.max_queue))
    }
}

#[cfg(feature = "redis")]
impl<R: Rule, C: Clock> Local<R, Keyed, C> {
    /// For those who have hashed the key already, and hold on to what they get.
    pub(in crate::limit) fn hold_hashed(&self, key: u64, asked: Asked) -> Held {
        let Taken { decision, claim } = Shared::take(&self.shared, key, asked);
        let hold = match claim {
            Claim::Turn(turn) => Hold::turn(turn),
            Claim::Charge(_) if decision.is_denied() => Hold::nothing(),
            Claim::Charge(charge) => Charged {
                shared: &self.shared,
                key,
            }
            .hold(charge),
        };
        Held { decision, hold }
    }
}

/// A bucket, with its limiter.
pub struct Charged<'a, R, S, C> {
    shared: &'a Arc<Shared<R, S, C>>,
    key: u64,
}

impl<R, S, C> fmt::Debug for Charged<'_, R, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Charged")
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Part for Charged<'_, R, S, C> {
    fn bucket(&self) -> Bucket<'_> {
        Bucket::in_process(self.shared, self.key)
    }

    fn take(&self, asked: Asked) -> Option<Taken> {
        Some(Shared::take(self.shared, self.key, asked))
    }

    fn denial(&self, asked: Asked) -> Option<Decision> {
        let max_wait = self.shared.longest_wait(self.key, asked.wait);
        self.shared.denial(self.key, asked.cost, max_wait)
    }

    fn unseen(&self) -> Decision {
        let (rule, now) = (&self.shared.rule, self.shared.clock.now());
        rule.decide(&mut R::State::default(), now, 0)
    }

    fn look(&self) -> Option<Look> {
        let (shared, key) = (self.shared.clone(), self.key);
        Some(Box::new(move || shared.check(key, 0)))
    }

    fn undo(&self, charge: Charge) {
        self.shared.undo(self.key, charge);
    }

    fn hold(&self, charge: Charge) -> Hold {
        let (shared, key) = (self.shared.clone(), self.key);
        Hold::charge(move || shared.undo(key, charge))
    }
}

impl<R: Rule, S: Keying<R>, C> Sealed for Local<R, S, C> {}

impl<R: Rule, C: Clock, K: Hash + ?Sized> Member<K> for Local<R, Keyed, C> {
    type Part<'a> = Charged<'a, R, <Keyed as Keying<R>>::Store, C>;

    #[inline]
    fn part<'a>(&'a self, key: &K) -> Self::Part<'a> {
        let key = self.shared.hash(key);
        let shared = &self.shared;
        Charged { shared, key }
    }
}

impl<R: Rule, C: Clock> Member<()> for Local<R, Direct, C> {
    type Part<'a> = Charged<'a, R, <Direct as Keying<R>>::Store, C>;

    #[inline]
    fn part<'a>(&'a self, _key: &()) -> Self::Part<'a> {
        let (shared, key) = (&self.shared, 0);
        Charged { shared, key }
    }
}
