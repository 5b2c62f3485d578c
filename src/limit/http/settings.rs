//! Acts on a decision: records it, logs it, and chooses between passing and
//! refusing. `admission` asks the limiter first.

use std::sync::Arc;

use super::{admit::Admit, mark::Mark};
use crate::{
    clock::ticks,
    deadline,
    key::{Absence, PeerWarning},
    limit::{
        decision::{Decision, Denial},
        limiter::Wait,
        observe::{Event, Observe, RequestOutcome},
        others::Others,
        warn_log::WarnLog,
    },
    refusal::{BoxError, Reason, Refusal},
};

/// The settings that do not change the type of a layer.
#[derive(Clone)]
pub(super) struct AdmissionSettings {
    /// The bounds of a caller that has no deadline.
    pub(super) wait: Wait,
    /// Whether requests without a key pass.
    pub(super) pass_without_key: bool,
    /// Whether to decide and record, but to let every request pass.
    pub(super) shadow: bool,
    /// Writes events about refusals, at a bounded rate.
    pub(super) log: WarnLog,
    pub(super) peer_warning: PeerWarning,
    /// Sees every decision.
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl AdmissionSettings {
    /// Acts on a decision. `marks` holds the decisions of other limits if the
    /// response is to be marked, and `has_only_name` is whether the limiter has
    /// but one name. Limiter and key are closures because most requests need the
    /// name of neither.
    #[inline(always)]
    pub(super) fn decided<P>(
        &self,
        limiter: impl FnOnce() -> Arc<str>,
        has_only_name: bool,
        decision: &Decision,
        marks: Option<Others>,
        key: impl FnOnce() -> String,
    ) -> Admit<P> {
        if decision.is_denied() {
            let others = marks.unwrap_or_default();
            return self.denied(limiter(), *decision, others, key);
        }
        let marks = marks.filter(|_| !self.shadow);
        if self.observer.is_none() {
            return Admit::marking(limiter, has_only_name, decision, marks);
        }
        let limiter = limiter();
        self.observe_admitted(&limiter, *decision);
        Admit::marking(|| limiter, has_only_name, decision, marks)
    }

    /// Notifies the observer of an admission. It takes the decision by value,
    /// because a reference would keep it in memory without an observer, too.
    #[inline(never)]
    fn observe_admitted(&self, limiter: &str, decision: Decision) {
        let outcome = match decision.is_of_a_wait() && !self.shadow {
            true => RequestOutcome::Waited,
            false => RequestOutcome::Admitted,
        };
        self.observe(limiter, outcome, Some(&decision));
    }

    /// Acts on a request that is exempt.
    pub(super) fn exempt<P>(&self) -> Admit<P> {
        self.observe("", RequestOutcome::Exempt, None);
        Admit::Pass(Mark::NONE)
    }

    /// Acts on a denial.
    #[cold]
    fn denied<P>(
        &self,
        limiter: Arc<str>,
        decision: Decision,
        others: Others,
        key: impl FnOnce() -> String,
    ) -> Admit<P> {
        let outcome = match self.shadow {
            true => RequestOutcome::Shadowed,
            false => RequestOutcome::Refused,
        };
        self.observe(&limiter, outcome, Some(&decision));
        self.log.denied(&limiter, self.shadow, &decision, key);
        self.refuse(|| match self.is_too_late(&decision) {
            true => Refusal::deadline_exceeded(),
            false => Refusal::over_limit(limiter, decision, others),
        })
    }

    /// Returns whether a denied request would have waited and passed, if it had
    /// no deadline. Then the deadline is the reason to tell, not the limit.
    fn is_too_late(&self, decision: &Decision) -> bool {
        let deadline = deadline::current();
        let Some((deadline, retry)) = deadline.zip(decision.retry_ticks()) else {
            return false;
        };
        let left = ticks(deadline.remaining());
        let own = self.wait.max_wait().map(ticks);
        match decision.denial() {
            // The place in the queue comes `retry` ticks after the deadline.
            Some(Denial::WaitTooLong) => own.is_none_or(|own| left.saturating_add(retry) <= own),
            Some(Denial::OverLimit) => own.is_some_and(|own| left < retry && retry <= own),
            _ => false,
        }
    }

    /// Acts on a deadline that passed before there was a decision.
    pub(super) fn too_late<P>(&self, limiter: &str) -> Admit<P> {
        self.observe(limiter, RequestOutcome::Failed, None);
        self.refuse(Refusal::deadline_exceeded)
    }

    /// Acts on an error of the limiter, such as a store that does not answer
    /// under the policy `FailClosed`.
    #[cold]
    pub(super) fn failed<P>(&self, limiter: &Arc<str>, error: BoxError) -> Admit<P> {
        self.observe(limiter, RequestOutcome::Failed, None);
        self.log.failed(limiter, &*error);
        self.refuse(|| Refusal::unavailable(limiter.clone(), error))
    }

    /// Acts on a request without a key, which counts under the limiter's own
    /// name, because no key chooses one of its limits.
    pub(super) fn without_key<P>(&self, limiter: &str, absence: Absence) -> Admit<P> {
        if absence == Absence::NoPeer {
            self.peer_warning.warn(limiter);
        }
        if self.pass_without_key || self.shadow {
            self.observe(limiter, RequestOutcome::Keyless, None);
            return Admit::Pass(Mark::NONE);
        }
        self.observe(limiter, RequestOutcome::Refused, None);
        self.log.without_key();
        Admit::Refuse(match absence {
            Absence::NoPeer => Refusal::because(Reason::NoPeer),
            _ => Refusal::because(Reason::NoKey),
        })
    }

    /// Refuses, except in shadow mode.
    fn refuse<P>(&self, refusal: impl FnOnce() -> Refusal) -> Admit<P> {
        match self.shadow {
            true => Admit::Pass(Mark::NONE),
            false => Admit::Refuse(refusal()),
        }
    }

    /// Notifies the observer, if there is one. `limiter` is empty for an exempt
    /// request, which no limit was asked about.
    fn observe(&self, limiter: &str, outcome: RequestOutcome, decision: Option<&Decision>) {
        if let Some(observer) = &self.observer {
            observer.decided(&Event {
                limiter,
                outcome,
                decision,
            });
        }
    }
}
