//! The future of a [`RateLimit`](crate::limit::RateLimit) service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

pub use super::settle::future::SettledFuture;
use super::{
    admit::Admit,
    pending::{PendingCheck, ReadyCall},
    pending_mark::PendingMark,
};
use crate::{limit::limiter::Backend, refusal::Refuse};

pin_project! {
    /// The response of the inner service, or a refusal.
    ///
    /// It is as large as the inner future and six words. A request that has to
    /// wait is on the heap meanwhile.
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
        pub(super) state: State<S, Req, L, K, C, X, A>,
    }
}

pin_project! {
    /// The state of a call.
    #[project = StateProj]
    pub(super) enum State<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
    {
        Checking {
            pending: PendingCheck<S, Req, L, K, C, X, A>,
        },
        // One variant for marked and unmarked responses, so that the state fits
        // into unused bits of the inner future.
        Calling {
            #[pin]
            response: S::Future,
            mark: Option<PendingMark<L, K, C, X, A>>,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> ResponseFuture<S, Req, L, K, C, X, A> {
    /// The limiter needs time, or the request has to wait for its turn.
    pub(super) fn checking(pending: PendingCheck<S, Req, L, K, C, X, A>) -> Self {
        Self {
            state: State::Checking { pending },
        }
    }

    /// The request was refused at once.
    pub(super) fn answered(answer: Result<S::Response, S::Error>) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
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
                // ## Checking => (Calling | Answered)
                StateProj::Checking { pending } => {
                    let (answer, context, call) = ready!(pending.as_mut().poll_answer(cx));
                    let admit = call.admission.after_wait(context, answer);
                    state.set(State::after_wait(admit, call));
                }
                // ## Calling => done
                StateProj::Calling {
                    response,
                    mark: None,
                } => return response.poll(cx),
                StateProj::Calling {
                    response,
                    mark: Some(mark),
                } => {
                    // Marked in place, so that the response is not moved.
                    let mut result = response.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut result {
                        mark.write(response);
                    }
                    return result;
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after completion"));
                }
            }
        }
    }
}

impl<S, Req, L, K, C, X, A> State<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    /// Calls the service, or answers with the refusal.
    fn after_wait(admit: Admit<Infallible>, mut call: ReadyCall<S, Req, L, K, C, X, A>) -> Self {
        let admission = call.admission;
        let mark = match admit {
            Admit::Pass(mark) => mark,
            Admit::Refuse(refusal) => {
                let answer = Some(admission.answer.refuse(refusal, &call.request));
                return Self::Answered { answer };
            }
            Admit::Wait(never) => match never {},
        };
        Self::Calling {
            response: call.service.call(call.request),
            mark: PendingMark::new(mark, &admission),
        }
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> fmt::Debug
    for ResponseFuture<S, Req, L, K, C, X, A>
{
    debug_state!(ResponseFuture, State, Checking, Calling, Answered);
}
