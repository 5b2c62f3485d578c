//! A request whose hold takes time. The future of the service polls it, and
//! then calls the service or answers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep_until},
};

use super::admission::HoldAdmit;
use crate::{
    deadline,
    limit::{
        hold::Holding,
        http::{admit::DecisionContext, pending::ReadyCall},
        limiter::Backend,
    },
};

/// A call with its decision.
pub(super) type HeldCall<S, Req, L, K, C, X, A> = (
    HoldAdmit<<L as Backend>::Error>,
    ReadyCall<S, Req, L, K, C, X, A>,
);

pin_project! {
    /// A hold that is under way, with the call that waits for it.
    pub(super) struct PendingHold<S, Req, L, K, C, X, A>
    where
        L: Backend,
    {
        holding: Holding<L::Error>,
        // Fires at the deadline that was current at the call. Unconstrained, so
        // that a task without coop budget still sees it.
        #[pin]
        deadline: Option<Unconstrained<Sleep>>,
        // `None` once the hold has ended.
        call: Option<(DecisionContext, ReadyCall<S, Req, L, K, C, X, A>)>,
    }
}

impl<S, Req, L: Backend, K, C, X, A> PendingHold<S, Req, L, K, C, X, A> {
    /// Waits for `holding` up to the current deadline.
    pub(super) fn new(
        holding: Holding<L::Error>,
        context: DecisionContext,
        call: ReadyCall<S, Req, L, K, C, X, A>,
    ) -> Self {
        let timer = |deadline: deadline::Deadline| unconstrained(sleep_until(deadline.instant()));
        Self {
            holding,
            deadline: deadline::current().map(timer),
            call: Some((context, call)),
        }
    }

    /// Ready when there is a decision or the deadline has passed. It polls the
    /// hold first, so that a decision at the deadline counts.
    pub(super) fn poll_admit(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<HeldCall<S, Req, L, K, C, X, A>> {
        let this = self.project();
        let answer = match Pin::new(this.holding).poll(cx) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => {
                let deadline = this.deadline.as_pin_mut();
                ready!(deadline.map_or(Poll::Pending, |deadline| deadline.poll(cx)));
                None
            }
        };
        let (context, call) = this.call.take().expect("polled after the hold has ended");
        let origin = context.origin;
        let admit = match answer {
            Some(answer) => call.admission.after_hold(context, answer),
            None => call.admission.too_late_to_hold(&context.names),
        };
        Poll::Ready((admit.answering(origin), call))
    }
}
