//! A request whose decision takes time. The future of the service polls it, and
//! then calls the service or answers.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep_until},
};

use super::{
    admission::LimitAdmission,
    admit::{Admit, DecisionContext},
};
use crate::{deadline, limit::limiter::Backend};

/// A call that waits for a decision. It owns the service, because readiness
/// belongs to an instance and the caller may use its clone meanwhile.
pub(super) struct ReadyCall<S, Req, L, K, C, X, A> {
    /// The instance that `poll_ready` has found ready.
    pub(super) service: S,
    pub(super) request: Req,
    pub(super) admission: Arc<LimitAdmission<L, K, C, X, A>>,
}

/// A call with its decision.
pub(super) type DecidedCall<S, Req, L, K, C, X, A> = (
    Admit<<L as Backend>::Future>,
    ReadyCall<S, Req, L, K, C, X, A>,
);

pin_project! {
    /// A check of the limiter that is under way, with the call that waits for
    /// it.
    pub(super) struct PendingCheck<S, Req, L, K, C, X, A>
    where
        L: Backend,
    {
        #[pin]
        check: L::Future,
        // Fires at the deadline that was current at the call. Unconstrained, so
        // that a task without coop budget still sees it.
        #[pin]
        deadline: Option<Unconstrained<Sleep>>,
        // `None` once the check has ended.
        call: Option<(DecisionContext, ReadyCall<S, Req, L, K, C, X, A>)>,
    }
}

impl<S, Req, L: Backend, K, C, X, A> PendingCheck<S, Req, L, K, C, X, A> {
    /// Waits for `check` up to the current deadline.
    pub(super) fn new(
        check: L::Future,
        context: DecisionContext,
        call: ReadyCall<S, Req, L, K, C, X, A>,
    ) -> Self {
        let timer = |deadline: deadline::Deadline| unconstrained(sleep_until(deadline.instant()));
        Self {
            check,
            deadline: deadline::current().map(timer),
            call: Some((context, call)),
        }
    }

    /// Ready when there is a decision or the deadline has passed. It polls the
    /// check first, so that a decision at the deadline counts.
    pub(super) fn poll_admit(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<DecidedCall<S, Req, L, K, C, X, A>> {
        let this = self.project();
        let decision = match this.check.poll(cx) {
            Poll::Ready(decision) => Some(decision),
            Poll::Pending => {
                let deadline = this.deadline.as_pin_mut();
                ready!(deadline.map_or(Poll::Pending, |deadline| deadline.poll(cx)));
                None
            }
        };
        let (context, call) = this.call.take().expect("polled after the check has ended");
        let origin = context.origin;
        let admit = match decision {
            Some(decision) => call.admission.after_wait(context, decision),
            None => call.admission.too_late(&context.names),
        };
        Poll::Ready((admit.answering(origin), call))
    }
}
