//! The future of a [`RateLimit`](crate::limit::RateLimit) service.

use std::{
    fmt,
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
use tower_service::Service;

use super::{
    admission::LimitAdmission,
    admit::{Admit, Admitted, DecisionContext},
};
use crate::{
    deadline,
    limit::limiter::Backend,
    refusal::{Origin, Refuse},
};

/// A call that waits for a decision.
pub(super) struct ReadyCall<S, Req, A> {
    /// The instance that `poll_ready` has found ready.
    pub(super) service: S,
    pub(super) request: Req,
    /// Answers the request if it is refused.
    pub(super) answer: A,
}

pin_project! {
    /// The response of the inner service, or a refusal.
    ///
    /// A future that is dropped while it waits gives back its place in the
    /// queue, and the request is neither charged nor passed on.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
    {
        #[pin]
        state: State<S, Req, L, K, C, X, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
    {
        // Boxed, because few requests wait and every future would be as large as
        // a request.
        Checking {
            pending: Pin<Box<PendingCheck<S, Req, L, K, C, X, A>>>,
        },
        Calling {
            #[pin]
            response: S::Future,
        },
        // Apart from `Calling`, which stays smaller without a decision.
        Marking {
            #[pin]
            response: S::Future,
            admitted: Admitted,
            answer: A,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

pin_project! {
    struct PendingCheck<S, Req, L, K, C, X, A>
    where
        L: Backend,
    {
        #[pin]
        check: L::Future,
        // Fires at the deadline that was current at the call. Unconstrained, so
        // that a task without coop budget still sees it.
        #[pin]
        deadline: Option<Unconstrained<Sleep>>,
        admission: Arc<LimitAdmission<L, K, C, X>>,
        // `None` once the check has ended.
        call: Option<(DecisionContext, ReadyCall<S, Req, A>)>,
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> ResponseFuture<S, Req, L, K, C, X, A> {
    pub(super) fn checking(
        check: L::Future,
        context: DecisionContext,
        admission: Arc<LimitAdmission<L, K, C, X>>,
        call: ReadyCall<S, Req, A>,
    ) -> Self {
        let timer = |deadline: deadline::Deadline| unconstrained(sleep_until(deadline.instant()));
        let pending = Box::pin(PendingCheck {
            check,
            deadline: deadline::current().map(timer),
            admission,
            call: Some((context, call)),
        });
        Self {
            state: State::Checking { pending },
        }
    }

    #[inline]
    pub(super) fn calling(response: S::Future) -> Self {
        Self {
            state: State::Calling { response },
        }
    }

    pub(super) fn marking(response: S::Future, admitted: Admitted, answer: A) -> Self {
        Self {
            state: State::Marking {
                response,
                admitted,
                answer,
            },
        }
    }

    pub(super) fn answered(answer: Result<S::Response, S::Error>) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<S, Req, L, K, C, X, A> PendingCheck<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    /// Ready with the next state when there is a decision or the deadline has
    /// passed. Polls the check first, so that a decision at the deadline counts.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<State<S, Req, L, K, C, X, A>> {
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
            Some(decision) => this.admission.after_wait(context, decision),
            None => this.admission.too_late(&context.names),
        };
        Poll::Ready(call.proceed(admit, origin))
    }
}

impl<S, Req, A> ReadyCall<S, Req, A> {
    /// Calls the service or answers with the refusal.
    fn proceed<L, K, C, X>(
        mut self,
        admit: Admit<L::Future>,
        origin: Origin,
    ) -> State<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
        A: Refuse<Req, S::Response, S::Error>,
    {
        match admit {
            Admit::Pass => State::Calling {
                response: self.service.call(self.request),
            },
            Admit::Mark(admitted) => State::Marking {
                response: self.service.call(self.request),
                admitted,
                answer: self.answer,
            },
            Admit::Refuse(refusal) => {
                let refusal = refusal.answering(origin);
                let answer = self.answer.refuse(refusal, &self.request);
                State::Answered {
                    answer: Some(answer),
                }
            }
            Admit::Wait(..) => unreachable!("a decision is pending only once"),
        }
    }
}

impl<S, Req, L, K, C, X, A> Future for ResponseFuture<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Checking => (Calling | Marking | Answered)
                StateProj::Checking { pending } => {
                    let next = ready!(pending.as_mut().poll(cx));
                    state.set(next);
                }
                // ## Calling => done
                StateProj::Calling { response } => return response.poll(cx),
                // ## Marking => done
                StateProj::Marking {
                    response,
                    admitted,
                    answer,
                } => {
                    let mut result = ready!(response.poll(cx));
                    if let Ok(response) = &mut result {
                        admitted.mark(answer, response);
                    }
                    return Poll::Ready(result);
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after completion"));
                }
            }
        }
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> fmt::Debug
    for ResponseFuture<S, Req, L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Checking { .. } => "Checking",
            State::Calling { .. } => "Calling",
            State::Marking { .. } => "Marking",
            State::Answered { .. } => "Answered",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
