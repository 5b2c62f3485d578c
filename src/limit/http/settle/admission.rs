//! Asks the limiter for a hold, without calling the inner service.

use crate::{
    exempt::Exempt,
    key::Key,
    limit::{
        hold::{Hold, HoldError, HoldLimiter, Holding},
        http::{
            admission::LimitAdmission,
            admit::{Admit, DecisionContext},
            mark::Mark,
            weigh::Weigh,
        },
        limiter::{Backend, LimitNames},
        others::Others,
        rules::quota::Cost,
    },
    refusal::{Origin, Refusal},
};

/// The action for a request. `E` is the limiter's error.
pub(super) enum HoldAdmit<E> {
    /// Call the inner service. `hold` is `None` for a request that is not
    /// charged, and `mark` for a response that is not marked.
    Pass {
        hold: Option<Hold>,
        mark: Option<Mark>,
    },
    /// Await the hold, and ask again with the context.
    Wait(Holding<E>, DecisionContext),
    /// Answer with a refusal.
    Refuse(Refusal),
}

impl<E> HoldAdmit<E> {
    /// What admission decided, with what is held.
    fn of(admit: Admit<()>, hold: Option<Hold>) -> Self {
        match admit {
            Admit::Refuse(refusal) => Self::Refuse(refusal),
            Admit::Mark(mark) => Self::Pass {
                hold,
                mark: Some(mark),
            },
            Admit::Pass | Admit::Wait(..) => Self::Pass { hold, mark: None },
        }
    }

    /// Sets the request that a refusal answers.
    pub(super) fn answering(self, origin: Origin) -> Self {
        match self {
            Self::Refuse(refusal) => Self::Refuse(refusal.answering(origin)),
            admit => admit,
        }
    }
}

impl<L: Backend, K, C, X, A> LimitAdmission<L, K, C, X, A> {
    /// Holds the estimate of a request. `marks` is whether its response is to
    /// be marked.
    pub(super) fn hold<Req>(&self, req: &Req, marks: bool) -> HoldAdmit<L::Error>
    where
        K: Key<Req>,
        C: Weigh<Req>,
        X: Exempt<Req>,
        for<'a> L: HoldLimiter<K::Key<'a>>,
    {
        let Some(key) = self.chargeable(req) else {
            return HoldAdmit::of(self.uncharged(req), None);
        };
        let mut others = Others::default();
        match self
            .hold_for(&key, self.cost.weigh(req), marks, &mut others)
            .try_now()
        {
            Ok(answer) => {
                let names = || self.limiter.names(&key);
                let key = || format!("{key:?}");
                self.decided_to_hold(names, answer, marks.then_some(others), key)
            }
            Err(holding) => {
                let context = DecisionContext {
                    names: self.limiter.names(&key),
                    key: self.settings.log.wants_key().then(|| format!("{key:?}")),
                    marks,
                    others,
                    origin: Origin::UNKNOWN,
                };
                HoldAdmit::Wait(holding, context)
            }
        }
    }

    /// Returns the key of a request, unless the request is not charged.
    fn chargeable<'a, Req>(&'a self, req: &'a Req) -> Option<K::Key<'a>>
    where
        K: Key<Req>,
        X: Exempt<Req>,
    {
        match self.exempt.is_exempt(req) {
            true => None,
            false => self.key.key(req),
        }
    }

    /// Decides about a request that is exempt or has no key.
    fn uncharged<Req>(&self, req: &Req) -> Admit<()>
    where
        K: Key<Req>,
        X: Exempt<Req>,
    {
        if self.exempt.is_exempt(req) {
            return self.settings.exempt();
        }
        let absence = self.key.absence(req);
        self.settings.without_key(&self.limiter.label(), absence)
    }

    /// Asks the limiter. In shadow mode a request never waits.
    fn hold_for<Key>(
        &self,
        key: &Key,
        estimate: Cost,
        marks: bool,
        others: &mut Others,
    ) -> Holding<L::Error>
    where
        L: HoldLimiter<Key>,
    {
        match (self.settings.shadow, marks) {
            (true, _) => self.limiter.hold(key, estimate),
            (false, false) => {
                let wait = self.wait();
                self.limiter.hold_until_ready(key, estimate, wait)
            }
            (false, true) => {
                let wait = self.wait();
                self.limiter
                    .hold_until_ready_noting(key, estimate, wait, others)
            }
        }
    }

    /// Decides about a request whose hold was pending. Never returns
    /// [`HoldAdmit::Wait`].
    pub(super) fn after_hold(
        &self,
        context: DecisionContext,
        answer: Result<Hold, HoldError<L::Error>>,
    ) -> HoldAdmit<L::Error> {
        let marks = context.marks.then_some(context.others);
        let key = || context.key.unwrap_or_default();
        self.decided_to_hold(|| context.names, answer, marks, key)
    }

    /// Decides about a request whose deadline passed before there was a hold.
    pub(super) fn too_late_to_hold(&self, names: &LimitNames) -> HoldAdmit<L::Error> {
        HoldAdmit::of(self.settings.too_late(names.own()), None)
    }

    /// Acts on the answer of the limiter.
    fn decided_to_hold(
        &self,
        names: impl FnOnce() -> LimitNames,
        answer: Result<Hold, HoldError<L::Error>>,
        marks: Option<Others>,
        key: impl FnOnce() -> String,
    ) -> HoldAdmit<L::Error> {
        let (decision, hold) = match answer {
            Ok(hold) => (*hold.decision(), Some(hold)),
            Err(HoldError::Denied(denial)) => (denial, None),
            Err(HoldError::Limiter(error)) => {
                let admit = self.settings.failed(names().own(), error.into());
                return HoldAdmit::of(admit, None);
            }
        };
        let limiter = || names().limit_of(&decision).clone();
        let admit = self.settings.decided(limiter, false, &decision, marks, key);
        HoldAdmit::of(admit, hold)
    }
}
