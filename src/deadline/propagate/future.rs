//! The future of a [`PropagateDeadline`](super::PropagateDeadline) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{body::ResponseBody, bound::Bound, terms::Asker};
use crate::refusal::Refuse;

pin_project! {
    /// The answer to a call, or that there was none in time.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, A> {
        Free {
            #[pin]
            response: F,
        },
        Bounded {
            #[pin]
            response: F,
            waiting: Option<(Bound, Asker<A>)>,
        },
        Late {
            asker: Asker<A>,
            // Whether the time was the server's own.
            is_own: bool,
        },
        Done,
    }
}

impl<F, A> ResponseFuture<F, A> {
    #[inline]
    pub(super) fn free(response: F) -> Self {
        Self {
            state: State::Free { response },
        }
    }

    #[inline]
    pub(super) fn bounded(response: F, bound: Bound, asker: Asker<A>) -> Self {
        let waiting = Some((bound, asker));
        Self {
            state: State::Bounded { response, waiting },
        }
    }

    /// Answers a call that is not made, because its time is over, which may have been
    /// the server's own.
    pub(super) fn late(asker: Asker<A>, is_own: bool) -> Self {
        Self {
            state: State::Late { asker, is_own },
        }
    }
}

impl<F, A, B, E> Future for ResponseFuture<F, A>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    A: Refuse<Request<()>, Response<ResponseBody<B>>, E>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Free => done
                StateProj::Free { response } => {
                    let answer = ready!(response.poll(cx));
                    return Poll::Ready(answer.map(|response| response.map(ResponseBody::free)));
                }
                // ## Bounded => (done | Late)
                StateProj::Bounded { response, waiting } => {
                    let (bound, _) = waiting.as_mut().expect(ONCE);
                    let in_time = ready!(in_time(response.poll(cx), bound, cx));
                    let (bound, asker) = waiting.take().expect(ONCE);
                    if let Some(answer) = in_time {
                        return Poll::Ready(answer.map(|response| asker.bound(response, bound)));
                    }
                    // The call goes before it is answered for.
                    let is_own = bound.is_own();
                    state.set(State::Late { asker, is_own });
                }
                // ## Late => Done
                StateProj::Late { asker, is_own } => {
                    let answer = asker.refuse(*is_own);
                    state.set(State::Done);
                    return Poll::Ready(answer);
                }
                StateProj::Done => panic!("polled after it was done"),
            }
        }
    }
}

const ONCE: &str = "polled after it was done";

/// The answer, if there was one before time was over; `None` if there was not.
fn in_time<B, E>(
    answer: Poll<Result<Response<B>, E>>,
    bound: &mut Bound,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Response<B>, E>>> {
    match answer {
        Poll::Pending => bound.poll_passed(cx).map(|()| None),
        Poll::Ready(answer) => {
            let is_late = match &answer {
                Ok(response) => bound.is_over() || bound.has_cancelled(response.headers()),
                Err(_) => bound.is_passed_there(),
            };
            Poll::Ready((!is_late).then_some(answer))
        }
    }
}

impl<F, A> fmt::Debug for ResponseFuture<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Free { .. } => "Free",
            State::Bounded { .. } => "Bounded",
            State::Late { .. } => "Late",
            State::Done => "Done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
