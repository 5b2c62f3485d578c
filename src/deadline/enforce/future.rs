//! The future of an [`EnforceDeadline`](crate::deadline::EnforceDeadline)
//! service.
//!
//! ```text
//! no deadline ─────► Free ──────────────────────────► the response
//! refused at once ─► Answered ──────────────────────► the refusal
//! passed on ───────► Waiting ── response in time ───► the response, its body bounded
//!                           └── late ── Answered ───► the refusal
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep_until},
};

use super::{body::ResponseBody, pending::PendingRequest};
use crate::deadline::Deadline;
use crate::refusal::Refuse;

pin_project! {
    /// The response of the inner service, or a refusal if it is late.
    ///
    /// The inner future is polled before the timer, so that a response that
    /// comes exactly at the deadline counts. A later response is dropped, as is
    /// an inner future that has none yet, before the refusal is made.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F: Future, A> {
        // The request has no deadline.
        Free {
            #[pin]
            response: F,
            version: Version,
        },
        // The handler runs until the deadline.
        Waiting {
            #[pin]
            response: F,
            // Made when it is first needed, because most responses come
            // without a pending poll. Unconstrained, because a handler that
            // uses up its task's budget in each poll would keep it from firing.
            #[pin]
            timer: Option<Unconstrained<Sleep>>,
            pending: Option<PendingRequest<A>>,
        },
        // The layer has refused the request itself.
        Answered {
            answer: Option<F::Output>,
        },
    }
}

impl<F: Future, A> ResponseFuture<F, A> {
    /// Returns the future of a request without a deadline.
    #[inline]
    pub(super) fn free(response: F, version: Version) -> Self {
        Self {
            state: State::Free { response, version },
        }
    }

    /// Returns the future of a request that has been passed on.
    #[inline]
    pub(super) fn waiting(response: F, pending: PendingRequest<A>) -> Self {
        Self {
            state: State::Waiting {
                response,
                timer: None,
                pending: Some(pending),
            },
        }
    }

    /// Returns the future of a request that was refused at once.
    pub(super) fn answered(answer: F::Output) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<F, B, E, A> Future for ResponseFuture<F, A>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Send + 'static,
    A: Refuse<Request<()>, Response<B>, E>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            // ## Free => done
            StateProj::Free { response, version } => free(response.poll(cx), *version),
            // ## Waiting => (done | Answered)
            StateProj::Waiting {
                response,
                mut timer,
                pending,
            } => {
                let waiting = pending.as_mut().expect(POLLED);
                let entered = waiting.scope.enter();
                let polled = response.poll(cx);
                entered.end();
                match &polled {
                    Poll::Ready(answer) if !waiting.is_late() => {
                        let version = waiting.request.version;
                        if !waiting.is_ended_by(answer) {
                            return bounded(polled, pending);
                        }
                        // Dropped in place, because it is large.
                        *pending = None;
                        return free(polled, version);
                    }
                    Poll::Ready(_) => {}
                    Poll::Pending => ready!(late(timer.as_mut(), waiting.scope.until(), cx)),
                }
                drop(polled);
                let pending = pending.take().expect(POLLED);
                // Drops the inner future before the refusal is made, so that
                // its resources are free by then.
                state.set(State::Answered { answer: None });
                own(pending.late())
            }
            // ## Answered => done
            StateProj::Answered { answer } => own(answer.take().expect(POLLED)),
        }
    }
}

/// The panic of a future that is polled after it was ready.
const POLLED: &str = "polled after it was done";

/// The result of a poll.
type Polled<B, E> = Poll<Result<Response<B>, E>>;

/// Passes on a response that came in time, and whose body may still be late.
fn bounded<B, E, A>(
    polled: Polled<B, E>,
    pending: &mut Option<PendingRequest<A>>,
) -> Polled<ResponseBody<B>, E>
where
    B: Body + Send + 'static,
{
    let pending = pending.take().expect(POLLED);
    polled.map_ok(|response| pending.with_body(response))
}

/// Waits until the handler is late; forever without a deadline.
fn late(
    mut timer: Pin<&mut Option<Unconstrained<Sleep>>>,
    until: Option<Deadline>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(until) = until else {
        return Poll::Pending;
    };
    if timer.is_none() {
        timer.set(Some(unconstrained(sleep_until(until.instant()))));
    }
    let timer = timer.as_pin_mut();
    timer.map_or(Poll::Pending, |timer| timer.poll(cx))
}

/// Returns a response that no deadline bounds. Not inlined: a response is large,
/// and it is moved only once here.
#[inline(never)]
fn free<B, E>(polled: Polled<B, E>, version: Version) -> Polled<ResponseBody<B>, E> {
    polled.map_ok(|response| response.map(|body| ResponseBody::free(body, version)))
}

/// Returns a response of the layer's own, whose body does not fail.
fn own<B, E>(answer: Result<Response<B>, E>) -> Polled<ResponseBody<B>, E> {
    free(Poll::Ready(answer), Version::default())
}

impl<F: Future, A> fmt::Debug for ResponseFuture<F, A> {
    debug_state!(ResponseFuture, State, Free, Waiting, Answered);
}
