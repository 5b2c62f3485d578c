//! A request whose decision takes time. Admission begins it, the service adds
//! the call that waits, and the future polls it, and then calls the service or
//! answers.

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

use super::{admission::LimitAdmission, admit::DecisionContext};
use crate::{deadline, limit::limiter::Backend, refusal::Origin};

/// A call that waits for a decision. It owns the service, because readiness
/// belongs to an instance and the caller may use its clone meanwhile.
pub(super) struct ReadyCall<S, Req, L, K, C, X, A> {
    /// The instance that `poll_ready` has found ready.
    pub(super) service: S,
    pub(super) request: Req,
    pub(super) admission: Arc<LimitAdmission<L, K, C, X, A>>,
}

pin_project! {
    /// A check or a hold of the limiter that is under way, with the call that
    /// waits for it.
    pub(super) struct Pending<F, Call> {
        #[pin]
        answer: F,
        // Fires at the deadline that was current at the call. Unconstrained, so
        // that a task without coop budget still sees it.
        #[pin]
        deadline: Option<Unconstrained<Sleep>>,
        // `None` once it has ended.
        context: Option<DecisionContext>,
        // `None` until the service has added it, and once it has ended.
        call: Option<Call>,
    }
}

/// A pending decision. Boxed, because few requests wait and every future would
/// be as large as a request.
pub(super) type BoxedPending<F, Call> = Pin<Box<Pending<F, Call>>>;

/// A check under way.
pub(super) type PendingCheck<S, Req, L, K, C, X, A> =
    BoxedPending<<L as Backend>::Future, ReadyCall<S, Req, L, K, C, X, A>>;

impl<F: Future, Call> Pending<F, Call> {
    /// Waits for `answer` up to the current deadline.
    pub(super) fn new(answer: F, context: DecisionContext) -> BoxedPending<F, Call> {
        let timer = |deadline: deadline::Deadline| unconstrained(sleep_until(deadline.instant()));
        Box::pin(Self {
            answer,
            deadline: deadline::current().map(timer),
            context: Some(context),
            call: None,
        })
    }

    /// Adds the call that waits, and the request that a refusal answers. To be
    /// called before it is polled.
    pub(super) fn hold_call(self: Pin<&mut Self>, origin: Origin, call: Call) {
        let this = self.project();
        if let Some(context) = this.context {
            context.origin = origin;
        }
        *this.call = Some(call);
    }

    /// Ready when there is an answer or the deadline has passed, which is no
    /// answer. It polls the future first, so that an answer at the deadline
    /// counts.
    pub(super) fn poll_answer(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<F::Output>, DecisionContext, Call)> {
        let this = self.project();
        let answer = match this.answer.poll(cx) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => {
                let deadline = this.deadline.as_pin_mut();
                ready!(deadline.map_or(Poll::Pending, |deadline| deadline.poll(cx)));
                None
            }
        };
        let (context, call) = (this.context.take(), this.call.take());
        let (context, call) = context.zip(call).expect("polled after it has ended");
        Poll::Ready((answer, context, call))
    }
}
