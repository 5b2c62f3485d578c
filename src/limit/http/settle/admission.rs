//! Asks the limiter for a hold, without calling the inner service.

use std::convert::Infallible;

use crate::{
    exempt::Exempt,
    key::Key,
    limit::{
        hold::{Hold, HoldError, HoldLimiter, Holding},
        http::{
            admission::LimitAdmission,
            admit::{Admit, DecisionContext},
            pending::{BoxedPending, Pending},
            weigh::Weigh,
        },
        limiter::{Backend, LimitNames},
        others::Others,
        rules::quota::Cost,
    },
};

/// The action for a request, and what is held for it; `None` if it is not
/// charged. `P` is a pending decision.
pub(super) type HoldAdmit<P> = (Admit<P>, Option<Hold>);

/// A hold under way, with the call that waits for it. `E` is the limiter's
/// error.
pub(super) type PendingHold<E, Call> = BoxedPending<Holding<E>, Call>;

impl<L: Backend, K, C, X, A> LimitAdmission<L, K, C, X, A> {
    /// Holds the estimate of a request. `marks` is whether its response is to
    /// be marked.
    pub(super) fn hold<Req, Call>(
        &self,
        req: &Req,
        marks: bool,
    ) -> HoldAdmit<PendingHold<L::Error, Call>>
    where
        K: Key<Req>,
        C: Weigh<Req>,
        X: Exempt<Req>,
        for<'a> L: HoldLimiter<K::Key<'a>>,
    {
        if self.exempt.is_exempt(req) {
            return (self.settings.exempt(), None);
        }
        let Some(key) = self.key.key(req) else {
            return (self.without_key(self.key.absence(req)), None);
        };
        let mut others = Others::default();
        let holding = self.hold_for(&key, self.cost.weigh(req), marks, &mut others);
        match holding.try_now() {
            Ok(answer) => {
                let names = || self.limiter.names(&key);
                let key = || format!("{key:?}");
                self.decided_to_hold(names, answer, marks.then_some(others), key)
            }
            Err(holding) => {
                let context = self.context(&key, marks, others);
                (Admit::Wait(Pending::new(holding, context)), None)
            }
        }
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

    /// Decides about a request whose hold was pending; `None` if its deadline
    /// passed before.
    pub(super) fn after_hold(
        &self,
        context: DecisionContext,
        answer: Option<Result<Hold, HoldError<L::Error>>>,
    ) -> HoldAdmit<Infallible> {
        let origin = context.origin;
        let (admit, hold) = match answer {
            None => (self.settings.too_late(context.names.own()), None),
            Some(answer) => {
                let marks = context.marks.then_some(context.others);
                let key = || context.key.unwrap_or_default();
                self.decided_to_hold(|| context.names, answer, marks, key)
            }
        };
        (admit.answering(origin), hold)
    }

    /// Acts on the answer of the limiter.
    fn decided_to_hold<P>(
        &self,
        names: impl FnOnce() -> LimitNames,
        answer: Result<Hold, HoldError<L::Error>>,
        marks: Option<Others>,
        key: impl FnOnce() -> String,
    ) -> HoldAdmit<P> {
        let (decision, hold) = match answer {
            Ok(hold) => (*hold.decision(), Some(hold)),
            Err(HoldError::Denied(denial)) => (denial, None),
            Err(HoldError::Limiter(error)) => {
                return (self.settings.failed(names().own(), error.into()), None);
            }
        };
        let limiter = || names().limit_of(&decision).clone();
        let only_name = self.limiter.only_name().is_some();
        let admit = self
            .settings
            .decided(limiter, only_name, &decision, marks, key);
        (admit, hold)
    }
}
