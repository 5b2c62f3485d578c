//! Asks the limiter about a request, without calling the inner service. The
//! service asks for each request, and the future again when a decision was
//! pending.

use std::{fmt, future::Future};

use super::{
    admit::{Admit, DecisionContext},
    settings::AdmissionSettings,
    weigh::Weigh,
};
use crate::{
    exempt::Exempt,
    key::Key,
    limit::{
        limiter::{Backend, Check, LimitNames, Limiter},
        others::Others,
        rules::quota::Cost,
    },
    refusal::Origin,
};

/// The limiter of a layer, and everything that chooses how to ask it. A layer
/// and all its services share one.
#[derive(Clone)]
pub(super) struct LimitAdmission<L, K, C, X> {
    pub(super) limiter: L,
    /// Whose budget a request draws on.
    pub(super) key: K,
    /// The cost of a request: a closure, or `()` for 1.
    pub(super) cost: C,
    /// Which requests pass: a closure, or `()` for none.
    pub(super) exempt: X,
    pub(super) settings: AdmissionSettings,
}

impl<L: Backend, K, C, X> LimitAdmission<L, K, C, X> {
    /// Decides about a request. `marks` is whether its response is to be
    /// marked.
    #[inline]
    pub(super) fn decide<Req>(&self, req: &Req, marks: bool) -> Admit<L::Future>
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
            let absence = self.key.absence(req);
            return self.settings.without_key(&self.limiter.label(), absence);
        };
        let mut others = Others::default();
        match self.check(&key, self.cost.weigh(req), marks, &mut others) {
            // By reference: copying a decision takes longer than making it.
            Check::Now(ref decision) => {
                let limiter = || self.limiter.limit_of(&key, decision);
                let marks = marks.then_some(others);
                let key = || format!("{key:?}");
                self.settings.decided(limiter, decision, marks, key)
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
                let key = || context.key.unwrap_or_default();
                self.settings.decided(limiter, &decision, marks, key)
            }
            Err(error) => self.settings.failed(context.names.own(), error.into()),
        }
    }

    /// Decides about a request whose deadline passed before there was a
    /// decision.
    pub(super) fn too_late(&self, names: &LimitNames) -> Admit<L::Future> {
        self.settings.too_late(names.own())
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
            (false, false) => self.limiter.until_ready(key, cost, self.settings.wait()),
            (false, true) => {
                let wait = self.settings.wait();
                self.limiter.until_ready_noting(key, cost, wait, others)
            }
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
