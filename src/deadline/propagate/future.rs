//! The future of a [`PropagateDeadline`](super::PropagateDeadline) service.
//!
//! ```text
//! no deadline ─► Free ───────────────────────────► the response
//! sent ────────► Bounded ── response in time ────► the response, its body bounded
//!                       └── late ── Late ── Done ► the refusal
//! not sent ────► Late ── Done ───────────────────► the refusal
//! ```
//!
//! An error counts as late, too, once the callee should have given up: it is
//! then how the callee, or a client that reads the same header, ends the call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{body::ResponseBody, call::Call, call_bound::CallBound};
use crate::refusal::Refuse;

pin_project! {
    /// The response to a call, or a refusal if there is none in time. A head
    /// that is there at the first poll is in time.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, A> {
        // The call has no deadline.
        Free {
            #[pin]
            response: F,
        },
        // The call was sent, and ends in time.
        Bounded {
            #[pin]
            response: F,
            waiting: Option<(CallBound, Call<A>)>,
        },
        // The call is to be refused, and the inner future is gone.
        Late {
            call: Call<A>,
            // Whether this server chose the time.
            is_own: bool,
        },
        Done,
    }
}

impl<F, A> ResponseFuture<F, A> {
    /// Returns the future of a call without a deadline.
    #[inline]
    pub(super) fn free(response: F) -> Self {
        Self {
            state: State::Free { response },
        }
    }

    /// Returns the future of a call that was sent.
    #[inline]
    pub(super) fn bounded(response: F, bound: CallBound, call: Call<A>) -> Self {
        let waiting = Some((bound, call));
        Self {
            state: State::Bounded { response, waiting },
        }
    }

    /// Refuses a call that is not sent, because its time is over. `is_own`
    /// tells whether this server chose the time.
    pub(super) fn late(call: Call<A>, is_own: bool) -> Self {
        Self {
            state: State::Late { call, is_own },
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
                StateProj::Free { response } => return free(response.poll(cx)),
                // ## Bounded => (done | Late)
                StateProj::Bounded { response, waiting } => {
                    let (bound, _) = waiting.as_mut().expect(ONCE);
                    let polled = response.poll(cx);
                    if !ready!(is_late(&polled, bound, cx)) {
                        return bounded(polled, waiting);
                    }
                    let (bound, call) = waiting.take().expect(ONCE);
                    // The inner future is dropped before the caller is told.
                    let is_own = bound.is_own();
                    drop(polled);
                    state.set(State::Late { call, is_own });
                }
                // ## Late => Done
                StateProj::Late { call, is_own } => {
                    let answer = call.refuse(*is_own);
                    state.set(State::Done);
                    return Poll::Ready(answer);
                }
                StateProj::Done => panic!("polled after it was done"),
            }
        }
    }
}

/// The panic of a future that is polled after it was ready.
const ONCE: &str = "polled after it was done";

/// The result of a poll.
type Polled<B, E> = Poll<Result<Response<B>, E>>;

/// Passes on a result that came in time, and bounds its body.
#[inline]
fn bounded<A, B: Body, E>(
    polled: Polled<B, E>,
    waiting: &mut Option<(CallBound, Call<A>)>,
) -> Polled<ResponseBody<B>, E> {
    // A body at its end has nothing to bound. The call is dropped in place,
    // because it is large.
    if !matches!(&polled, Poll::Ready(Ok(it)) if !it.body().is_end_stream()) {
        *waiting = None;
        return free(polled);
    }
    let (bound, call) = waiting.take().expect(ONCE);
    polled.map_ok(|response| call.bound(response, bound))
}

/// Returns a response that no deadline bounds. Not inlined: a response is large,
/// and it is moved only once here.
#[inline(never)]
fn free<B, E>(polled: Polled<B, E>) -> Polled<ResponseBody<B>, E> {
    polled.map_ok(|response| response.map(ResponseBody::free))
}

/// Returns whether the time was over before the result came.
#[inline]
fn is_late<B, E>(polled: &Polled<B, E>, bound: &mut CallBound, cx: &mut Context<'_>) -> Poll<bool> {
    match polled {
        Poll::Pending => bound.poll_passed(cx).map(|()| true),
        Poll::Ready(Ok(response)) => {
            Poll::Ready(bound.is_over() || bound.has_cancelled(response.headers()))
        }
        // A client that reads the header ends the call by itself then.
        Poll::Ready(Err(_)) => Poll::Ready(bound.is_passed_there()),
    }
}

impl<F, A> fmt::Debug for ResponseFuture<F, A> {
    debug_state!(ResponseFuture, State, Free, Bounded, Late, Done);
}
