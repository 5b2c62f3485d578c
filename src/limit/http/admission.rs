//! Decides what to do with a request, without calling the inner service. The
//! service asks for each request, and the future asks again when a decision
//! was pending.

use std::{fmt, future::Future, sync::Arc};

use super::{
    admit::{Admit, Admitted, DecisionContext},
    weigh::Weigh,
};
use crate::{
    clock::ticks,
    deadline,
    exempt::Exempt,
    key::{Absence, Key, PeerWarning},
    limit::{
        decision::{Decision, Denial},
        limiter::{Backend, Check, LimitNames, Limiter, Wait},
        observe::{Event, Observe, Outcome},
        others::Others,
        rules::quota::Cost,
        warn_log::WarnLog,
    },
    refusal::{BoxError, Origin, Refusal},
};

/// The limiter of a layer and everything that chooses how it is asked. All
/// services of a layer share one.
#[derive(Clone)]
pub(super) struct LimitAdmission<L, K, C, X> {
    pub(super) limiter: L,
    pub(super) key: K,
    pub(super) cost: C,
    pub(super) exempt: X,
    pub(super) settings: AdmissionSettings,
}

/// The settings that do not change the type of a layer.
#[derive(Clone)]
pub(super) struct AdmissionSettings {
    pub(super) wait: Wait,
    /// Whether requests without a key pass.
    pub(super) pass_without_key: bool,
    /// Whether to decide and record, but to let every request pass.
    pub(super) shadow: bool,
    pub(super) log: WarnLog,
    pub(super) peer_warning: PeerWarning,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl<L: Backend, K, C, X> LimitAdmission<L, K, C, X> {
    /// Decides about a request. `marks` is whether its response is to be marked.
    #[inline]
    pub(super) fn decide<Req>(&self, req: &Req, marks: bool) -> Admit<L::Future>
    where
        K: Key<Req>,
        C: Weigh<Req>,
        X: Exempt<Req>,
        for<'a> L: Limiter<K::Key<'a>>,
    {
        if self.exempt.is_exempt(req) {
            self.observe("", Outcome::Exempt, None);
            return Admit::Pass;
        }
        let Some(key) = self.key.key(req) else {
            return self.without_key(self.key.absence(req));
        };
        let mut others = Others::default();
        match self.check(&key, self.cost.weigh(req), marks, &mut others) {
            // By reference: copying a decision takes longer than making it.
            Check::Now(ref decision) => {
                let limiter = || self.limiter.limit_of(&key, decision);
                let marks = marks.then_some(others);
                self.decided(limiter, decision, marks, || format!("{key:?}"))
            }
            Check::Later(future) => {
                let context = DecisionContext {
                    names: self.limiter.names(&key),
                    key: self.settings.log.wants_key().then(|| format!("{key:?}")),
                    marks,
                    others,
                    origin: Origin::UNKNOWN,
                };
                Admit::Wait(future, context)
            }
        }
    }

    /// Decides about a request whose decision was pending. Never returns
    /// [`Admit::Wait`].
    pub(super) fn after_wait(
        &self,
        context: DecisionContext,
        answer: <L::Future as Future>::Output,
    ) -> Admit<L::Future> {
        match answer {
            Ok(decision) => {
                let limiter = || context.names.limit_of(&decision).clone();
                let marks = context.marks.then_some(context.others);
                self.decided(limiter, &decision, marks, || {
                    context.key.unwrap_or_default()
                })
            }
            Err(error) => self.failed(context.names.own(), error.into()),
        }
    }

    /// Asks the limiter. In shadow mode a request never waits.
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
        match (self.settings.shadow, marks) {
            (true, _) => self.limiter.check(key, cost),
            (false, false) => self.limiter.until_ready(key, cost, self.wait()),
            (false, true) => {
                let wait = self.wait();
                self.limiter.until_ready_noting(key, cost, wait, others)
            }
        }
    }

    /// Returns the bounds on the wait, which also ends at the current deadline.
    #[inline]
    fn wait(&self) -> Wait {
        let wait = self.settings.wait;
        deadline::current().map_or(wait, |deadline| wait.before(deadline))
    }

    /// Returns whether a denied request would have waited and passed, if it had
    /// no deadline.
    fn is_too_late(&self, decision: &Decision) -> bool {
        let Some(deadline) = deadline::current() else {
            return false;
        };
        let left = ticks(deadline.remaining());
        let own = self.settings.wait.max_wait().map(ticks);
        let Some(retry) = decision.retry_ticks() else {
            return false;
        };
        match decision.denial() {
            // The place in the queue comes `retry` ticks after the deadline.
            Some(Denial::WaitTooLong) => own.is_none_or(|own| left.saturating_add(retry) <= own),
            Some(Denial::OverLimit) => own.is_some_and(|own| left < retry && retry <= own),
            _ => false,
        }
    }

    /// Acts on a decision. `marks` holds the decisions of other limits if the
    /// response is to be marked. The names are closures because most requests
    /// need neither.
    #[inline]
    fn decided(
        &self,
        limiter: impl FnOnce() -> Arc<str>,
        decision: &Decision,
        marks: Option<Others>,
        key: impl FnOnce() -> String,
    ) -> Admit<L::Future> {
        if decision.is_denied() {
            let others = marks.unwrap_or_default();
            return self.denied(limiter(), *decision, others, key);
        }
        let marks = marks.filter(|_| !self.settings.shadow);
        if marks.is_none() && self.settings.observer.is_none() {
            return Admit::Pass;
        }
        let limiter = limiter();
        let outcome = match decision.is_of_a_wait() && !self.settings.shadow {
            true => Outcome::Waited,
            false => Outcome::Admitted,
        };
        self.observe(&limiter, outcome, Some(decision));
        marks.map_or(Admit::Pass, |others| {
            Admit::Mark(Admitted {
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
    ) -> Admit<L::Future> {
        let shadow = self.settings.shadow;
        let outcome = match shadow {
            true => Outcome::Shadowed,
            false => Outcome::Refused,
        };
        self.observe(&limiter, outcome, Some(&decision));
        self.settings.log.denied(&limiter, shadow, &decision, key);
        self.refuse(|| match self.is_too_late(&decision) {
            true => Refusal::deadline_exceeded(),
            false => Refusal::over_limit(limiter, decision, others),
        })
    }

    /// Acts on a deadline that passed before there was a decision.
    pub(super) fn too_late(&self, names: &LimitNames) -> Admit<L::Future> {
        self.observe(names.own(), Outcome::Failed, None);
        self.refuse(Refusal::deadline_exceeded)
    }

    #[cold]
    fn failed(&self, limiter: &Arc<str>, error: BoxError) -> Admit<L::Future> {
        self.observe(limiter, Outcome::Failed, None);
        self.settings.log.failed(limiter, &*error);
        self.refuse(|| Refusal::unavailable(limiter.clone(), error))
    }

    fn without_key(&self, absence: Absence) -> Admit<L::Future> {
        let limiter = self.limiter.label();
        if absence == Absence::NoPeer {
            self.settings.peer_warning.warn(&limiter);
        }
        if self.settings.pass_without_key || self.settings.shadow {
            self.observe(&limiter, Outcome::Keyless, None);
            return Admit::Pass;
        }
        self.observe(&limiter, Outcome::Refused, None);
        self.settings.log.without_key();
        Admit::Refuse(match absence {
            Absence::NoPeer => Refusal::no_peer(),
            _ => Refusal::no_key(),
        })
    }

    /// Refuses, except in shadow mode.
    fn refuse(&self, refusal: impl FnOnce() -> Refusal) -> Admit<L::Future> {
        match self.settings.shadow {
            true => Admit::Pass,
            false => Admit::Refuse(refusal()),
        }
    }

    #[inline]
    fn observe(&self, limiter: &str, outcome: Outcome, decision: Option<&Decision>) {
        if let Some(observer) = &self.settings.observer {
            observer.decided(&Event {
                limiter,
                outcome,
                decision,
            });
        }
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X> fmt::Debug for LimitAdmission<L, K, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitAdmission")
            .field("limiter", &self.limiter)
            .field("key", &self.key)
            .field("wait", &self.settings.wait)
            .field("shadow", &self.settings.shadow)
            .finish_non_exhaustive()
    }
}
