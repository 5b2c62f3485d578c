//! What the layer does with one request, but for calling the inner service.

use std::{fmt, future::Future, sync::Arc};

use crate::{
    clock::ticks,
    deadline,
    key::{Absence, Key, PeerWarning},
    limit::{
        decision::Decision,
        limiter::{Backend, Check, Limiter, Names, Wait},
        observe::{Event, Observe, Outcome},
        others::Others,
        rules::quota::Cost,
        warn_log::Log,
    },
    refusal::{BoxError, Origin, Refusal, Refuse},
};

/// What a request takes from its budget.
pub trait Weigh<Req> {
    /// The cost of this request; 0 always passes while there is no debt.
    fn weigh(&self, req: &Req) -> Cost;
}

/// Every request costs 1.
impl<Req> Weigh<Req> for () {
    #[inline]
    fn weigh(&self, _req: &Req) -> Cost {
        1
    }
}

impl<Req, F: Fn(&Req) -> Cost> Weigh<Req> for F {
    fn weigh(&self, req: &Req) -> Cost {
        self(req)
    }
}

/// Which requests the limit does not concern.
pub trait Exempt<Req> {
    /// Whether this request passes unasked.
    fn is_exempt(&self, req: &Req) -> bool;
}

/// The limit concerns all.
impl<Req> Exempt<Req> for () {
    #[inline]
    fn is_exempt(&self, _req: &Req) -> bool {
        false
    }
}

impl<Req, F: Fn(&Req) -> bool> Exempt<Req> for F {
    fn is_exempt(&self, req: &Req) -> bool {
        self(req)
    }
}

/// The settings of a layer, which all of its services share.
#[derive(Clone)]
pub(crate) struct Gate<L, K, C, X> {
    pub(crate) limiter: L,
    pub(crate) key: K,
    pub(crate) cost: C,
    pub(crate) exempt: X,
    pub(crate) terms: Terms,
}

/// The settings that are no types of their own.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) wait: Wait,
    pub(crate) pass_without_key: bool,
    pub(crate) shadow: bool,
    pub(crate) log: Log,
    pub(crate) peer_warning: PeerWarning,
    pub(crate) observer: Option<Arc<dyn Observe>>,
}

/// What is to be done with a request.
pub(crate) enum Passage<F> {
    Pass,
    /// Pass, and mark the response.
    Mark(Admitted),
    Wait(F, Asker),
    Refuse(Refusal),
}

/// A limit that admitted, and what it said: where responses are marked.
pub(crate) struct Admitted {
    pub(crate) limiter: Arc<str>,
    pub(crate) decision: Decision,
    pub(crate) others: Others,
}

impl Admitted {
    pub(crate) fn mark<A, Req, Res, Err>(&self, answer: &A, res: &mut Res)
    where
        A: Refuse<Req, Res, Err>,
    {
        let Self {
            limiter,
            decision,
            others,
        } = self;
        answer.mark_all(limiter, decision, &others.list(), res);
    }
}

/// Who waits for a decision: what is left of a request when its key is gone.
pub(crate) struct Asker {
    names: Names,
    /// The key as it is to be logged.
    key: Option<String>,
    marks: bool,
    others: Others,
    /// The request that is answered if it is refused.
    pub(crate) origin: Origin,
}

impl Asker {
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }
}

impl<L: Backend, K, C, X> Gate<L, K, C, X> {
    #[inline]
    pub(crate) fn ask<Req>(&self, req: &Req, marks: bool) -> Passage<L::Future>
    where
        K: Key<Req>,
        C: Weigh<Req>,
        X: Exempt<Req>,
        for<'a> L: Limiter<K::Key<'a>>,
    {
        if self.exempt.is_exempt(req) {
            self.observe("", Outcome::Exempt, None);
            return Passage::Pass;
        }
        let Some(key) = self.key.key(req) else {
            return self.without_key(self.key.absence(req));
        };
        let mut others = Others::default();
        match self.check(&key, self.cost.weigh(req), marks, &mut others) {
            // By reference: to copy a decision takes longer than to make it.
            Check::Now(ref decision) => {
                let limiter = || self.limiter.speaker(&key, decision);
                let marks = marks.then_some(others);
                self.decided(limiter, decision, marks, || format!("{key:?}"))
            }
            Check::Later(future) => {
                let asker = Asker {
                    names: self.limiter.names(&key),
                    key: self.terms.log.wants_key().then(|| format!("{key:?}")),
                    marks,
                    others,
                    origin: Origin::UNKNOWN,
                };
                Passage::Wait(future, asker)
            }
        }
    }

    /// What is to be done when the limiter has made up its mind.
    pub(crate) fn answered(
        &self,
        asker: Asker,
        answer: <L::Future as Future>::Output,
    ) -> Passage<L::Future> {
        match answer {
            Ok(decision) => {
                let limiter = || asker.names.speaker(&decision).clone();
                let marks = asker.marks.then_some(asker.others);
                self.decided(limiter, &decision, marks, || asker.key.unwrap_or_default())
            }
            Err(error) => self.failed(asker.names.own(), error.into()),
        }
    }

    /// In shadow mode nobody waits.
    #[inline]
    fn check<Key>(
        &self,
        key: &Key,
        cost: Cost,
        marks: bool,
        others: &mut Others,
    ) -> Check<L::Future>
    where
        L: Limiter<Key>,
    {
        match (self.terms.shadow, marks) {
            (true, _) => self.limiter.check(key, cost),
            (false, false) => self.limiter.until_ready(key, cost, self.wait()),
            (false, true) => {
                let wait = self.wait();
                self.limiter.until_ready_noting(key, cost, wait, others)
            }
        }
    }

    /// Nobody waits for a turn that comes after the deadline.
    #[inline]
    fn wait(&self) -> Wait {
        let wait = self.terms.wait;
        deadline::current().map_or(wait, |deadline| wait.before(deadline))
    }

    /// Whether the request would have waited and passed, but for its deadline.
    fn is_too_late(&self, decision: &Decision) -> bool {
        let Some(deadline) = deadline::current() else {
            return false;
        };
        let left = ticks(deadline.remaining());
        let own = self.terms.wait.max_wait().map(ticks);
        match (decision.impatience(), decision.retry_ticks(), own) {
            // A place in a queue, which is there: it was seen as from the deadline.
            (Some(beyond), _, own) => own.is_none_or(|own| left.saturating_add(beyond) <= own),
            (None, Some(wait), Some(own)) => left < wait && wait <= own,
            _ => false,
        }
    }

    /// With the other limits, if responses are marked. The name is made only if it
    /// is needed.
    #[inline]
    fn decided(
        &self,
        limiter: impl FnOnce() -> Arc<str>,
        decision: &Decision,
        marks: Option<Others>,
        key: impl FnOnce() -> String,
    ) -> Passage<L::Future> {
        if decision.is_denied() {
            let others = marks.unwrap_or_default();
            return self.denied(limiter(), *decision, others, key);
        }
        let marks = marks.filter(|_| !self.terms.shadow);
        if marks.is_none() && self.terms.observer.is_none() {
            return Passage::Pass;
        }
        let limiter = limiter();
        let outcome = match decision.is_of_a_wait() && !self.terms.shadow {
            true => Outcome::Waited,
            false => Outcome::Admitted,
        };
        self.observe(&limiter, outcome, Some(decision));
        marks.map_or(Passage::Pass, |others| {
            Passage::Mark(Admitted {
                limiter,
                decision: *decision,
                others,
            })
        })
    }

    #[cold]
    fn denied(
        &self,
        limiter: Arc<str>,
        decision: Decision,
        others: Others,
        key: impl FnOnce() -> String,
    ) -> Passage<L::Future> {
        let outcome = if self.terms.shadow {
            Outcome::Shadowed
        } else {
            Outcome::Refused
        };
        self.observe(&limiter, outcome, Some(&decision));
        self.terms
            .log
            .denied(&limiter, self.terms.shadow, &decision, key);
        match self.terms.shadow {
            true => Passage::Pass,
            false if self.is_too_late(&decision) => Passage::Refuse(Refusal::deadline_exceeded()),
            false => Passage::Refuse(Refusal::over_limit(limiter, decision, others)),
        }
    }

    /// The deadline passed before there was a decision.
    pub(crate) fn too_late(&self, names: &Names) -> Passage<L::Future> {
        self.observe(names.own(), Outcome::Failed, None);
        match self.terms.shadow {
            true => Passage::Pass,
            false => Passage::Refuse(Refusal::deadline_exceeded()),
        }
    }

    #[cold]
    fn failed(&self, limiter: &Arc<str>, error: BoxError) -> Passage<L::Future> {
        self.observe(limiter, Outcome::Failed, None);
        self.terms.log.failed(limiter, &*error);
        match self.terms.shadow {
            true => Passage::Pass,
            false => Passage::Refuse(Refusal::unavailable(limiter.clone(), error)),
        }
    }

    fn without_key(&self, absence: Absence) -> Passage<L::Future> {
        if absence == Absence::NoPeer {
            self.terms.peer_warning.warn(&self.limiter.label());
        }
        if self.terms.pass_without_key || self.terms.shadow {
            self.observe(&self.limiter.label(), Outcome::Keyless, None);
            return Passage::Pass;
        }
        self.observe(&self.limiter.label(), Outcome::Refused, None);
        self.terms.log.without_key();
        Passage::Refuse(match absence {
            Absence::NoPeer => Refusal::no_peer(),
            _ => Refusal::no_key(),
        })
    }

    #[inline]
    fn observe(&self, limiter: &str, outcome: Outcome, decision: Option<&Decision>) {
        if let Some(observer) = &self.terms.observer {
            observer.decided(&Event::new(limiter, outcome, decision));
        }
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X> fmt::Debug for Gate<L, K, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("limiter", &self.limiter)
            .field("key", &self.key)
            .field("wait", &self.terms.wait)
            .field("shadow", &self.terms.shadow)
            .finish_non_exhaustive()
    }
}
