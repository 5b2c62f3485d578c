//! Asks the limiter about a request, without calling the inner service. The
//! service asks for each request, and the future again when a decision was
//! pending.

use std::{convert::Infallible, fmt, future::Future};

use super::{
    admit::{Admit, DecisionContext},
    pending::{BoxedPending, Pending},
    settings::AdmissionSettings,
    weigh::Weigh,
};
use crate::{
    deadline,
    exempt::Exempt,
    key::{Absence, Key},
    limit::{
        limiter::{Backend, Check, Limiter, Wait},
        others::Others,
        rules::quota::Cost,
    },
    out_of_line::out_of_line,
    refusal::Origin,
};

/// The limiter of a layer, everything that chooses how to ask it, and the
/// answer to its decisions. A layer, all its services and the futures that mark
/// a response share one.
#[derive(Clone)]
pub(super) struct LimitAdmission<L, K, C, X, A> {
    pub(super) limiter: L,
    /// Whose budget a request draws on.
    pub(super) key: K,
    /// The cost of a request: a closure, or `()` for 1.
    pub(super) cost: C,
    /// Which requests pass: a closure, or `()` for none.
    pub(super) exempt: X,
    /// Refuses requests, and marks the responses to admitted ones.
    pub(super) answer: A,
    pub(super) settings: AdmissionSettings,
}

impl<L: Backend, K, C, X, A> LimitAdmission<L, K, C, X, A> {
    /// Decides about a request. `marks` is whether its response is to be
    /// marked.
    #[inline(always)]
    pub(super) fn decide<Req, Call>(
        &self,
        req: &Req,
        marks: bool,
    ) -> Admit<BoxedPending<L::Future, Call>>
    where
        K: Key<Req>,
        C: Weigh<Req>,
        X: Exempt<Req>,
        for<'a> L: Limiter<K::Key<'a>>,
    {
        if self.exempt.is_exempt(req) {
            return self.settings.exempt();
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
                let key = || format!("{key:?}");
                let only_name = self.limiter.only_name().is_some();
                self.settings
                    .decided(limiter, only_name, decision, marks, key)
            }
            Check::Later(future) => {
                Admit::Wait(Pending::new(future, self.context(&key, marks, others)))
            }
        }
    }

    /// Decides about a request without a key.
    #[cold]
    pub(super) fn without_key<P>(&self, absence: Absence) -> Admit<P> {
        self.settings.without_key(&self.limiter.label(), absence)
    }

    /// Returns what is kept of a request while its decision is pending.
    pub(super) fn context<Key>(&self, key: &Key, marks: bool, others: Others) -> DecisionContext
    where
        L: Limiter<Key>,
        Key: fmt::Debug,
    {
        DecisionContext {
            names: self.limiter.names(key),
            key: self.settings.log.wants_key().then(|| format!("{key:?}")),
            marks,
            others,
            origin: Origin::UNKNOWN,
        }
    }

    /// Decides about a request whose decision was pending; `None` if its
    /// deadline passed before.
    pub(super) fn after_wait(
        &self,
        context: DecisionContext,
        answer: Option<<L::Future as Future>::Output>,
    ) -> Admit<Infallible> {
        let origin = context.origin;
        let admit = match answer {
            None => self.settings.too_late(context.names.own()),
            Some(Ok(decision)) => {
                let limiter = || context.names.limit_of(&decision).clone();
                let marks = context.marks.then_some(context.others);
                let key = || context.key.unwrap_or_default();
                let only_name = self.limiter.only_name().is_some();
                self.settings
                    .decided(limiter, only_name, &decision, marks, key)
            }
            Some(Err(error)) => self.settings.failed(context.names.own(), error.into()),
        };
        admit.answering(origin)
    }

    /// Asks the limiter. In shadow mode a request never waits.
    #[inline(always)]
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
        if self.settings.shadow {
            return out_of_line(|| self.limiter.check(key, cost));
        }
        match marks {
            false => self.limiter.until_ready(key, cost, self.wait()),
            true => {
                let wait = self.wait();
                self.limiter.until_ready_noting(key, cost, wait, others)
            }
        }
    }

    /// Returns the bounds on the wait, which also ends at the current deadline.
    #[inline(always)]
    pub(super) fn wait(&self) -> Wait {
        let wait = self.settings.wait;
        if wait.max_wait.is_none() && !self.limiter.queues() {
            return wait;
        }
        deadline::current().map_or(wait, |deadline| wait.before(deadline))
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug> fmt::Debug
    for LimitAdmission<L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitAdmission")
            .field("limiter", &self.limiter)
            .field("key", &self.key)
            .field("wait", &self.settings.wait)
            .field("shadow", &self.settings.shadow)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
