//! The future of a [`Retry`](super::Retry) service.
//!
//! ```text
//! first attempt ─► Attempt ── answer ───────────────► the response
//!                     │ └──── status in trailers ─► Peek ── answer ─► the response
//!                     │ failure                       │ failure
//!                     ▼                               ▼
//!               no retry ──────────────────────────────► the failure
//!               retry ─► (Asking) ─► Waiting ─► Readying ─► Attempt
//! ```
//!
//! While a call waits, it holds no ready service and no response body. A ready
//! service is called in the poll in which it is ready.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::{
    body::{RepeatableBody, ResponseBody},
    budget::Asking,
    call::Call,
    nested,
    observe::Stop,
    retrying::{FirstFrame, Next, Retrying, Waiting},
};
use crate::error::BoxError;

pin_project! {
    /// The response to a call, or to the last attempt of it.
    ///
    /// When it is dropped, the attempt is dropped, and a place in the budget that
    /// was not used is given back.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
        B: RepeatableBody,
        R: Body,
    {
        // `None` if another layer retries, and at the end.
        retrying: Option<Retrying<S, B>>,
        #[pin]
        state: State<S::Future, S, R, S::Error>,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<F, S, R, E>
    where
        R: Body,
    {
        // An attempt was sent.
        Attempt {
            #[pin]
            response: F,
        },
        // The service was not ready for the first attempt.
        Failed {
            error: Option<E>,
        },
        // The body is read up to its first frame.
        Peek {
            response: Option<Response<R>>,
        },
        // The budget of the fleet decides.
        Asking {
            asking: Asking,
            waiting: Option<Waiting<R, E>>,
        },
        // The call waits for its next attempt.
        Waiting {
            #[pin]
            delay: Sleep,
            waiting: Option<Waiting<R, E>>,
        },
        // A clone of the service gets ready for it.
        Readying {
            service: S,
            #[pin]
            end: Option<Sleep>,
            waiting: Option<Waiting<R, E>>,
        },
        Done,
    }
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
    B: RepeatableBody,
    R: Body,
{
    /// Returns the future of a call whose first attempt was sent.
    #[inline]
    pub(super) fn begun(response: S::Future, call: Call<B::Source>, service: S) -> Self {
        Self {
            retrying: Some(Retrying { call, service }),
            state: State::Attempt { response },
        }
    }

    /// Returns the future of a call that another layer retries.
    pub(super) fn passed_on(response: S::Future) -> Self {
        Self {
            retrying: None,
            state: State::Attempt { response },
        }
    }

    /// Returns the future of a call whose service was not ready.
    pub(super) fn failed(error: S::Error, retrying: Option<(Call<B::Source>, S)>) -> Self {
        Self {
            retrying: retrying.map(|(call, service)| Retrying { call, service }),
            state: State::Failed { error: Some(error) },
        }
    }
}

/// The panic of a future that is polled after it was ready.
const ONCE: &str = "polled after it was done";

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: 'static,
    B: RepeatableBody,
    R: Body<Error: Into<BoxError>> + Unpin,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let state = this.state.as_mut().project();
            let next = match this.retrying {
                Some(retrying) => ready!(state.poll(retrying, cx)),
                None => Next::Return(ready!(state.poll_passed_on(cx))),
            };
            match next {
                Next::Go(state) => this.state.set(state),
                Next::Return(result) => {
                    // The inner future and the kept request go first.
                    this.state.set(State::Done);
                    *this.retrying = None;
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<S, R, F, E> StateProj<'_, F, S, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body + Unpin,
    E: 'static,
{
    /// Polls a call that this layer retries.
    #[inline]
    fn poll<B>(self, retrying: &mut Retrying<S, B>, cx: &mut Context<'_>) -> Poll<Next<F, S, R, E>>
    where
        S: Service<Request<B>, Response = Response<R>, Future = F, Error = E> + Clone,
        B: RepeatableBody,
    {
        Poll::Ready(match self {
            // ## Attempt => (done | Peek | Asking | Waiting | Readying)
            Self::Attempt { response } => {
                let result = ready!(nested::within(|| response.poll(cx)));
                retrying.judge(result)
            }
            // ## Failed => (done | Waiting)
            Self::Failed { error } => retrying.judge_not_ready(error.take().expect(ONCE), None),
            // ## Peek => (done | Asking | Waiting | Readying)
            Self::Peek { response } => {
                let body = response.as_mut().expect(ONCE).body_mut();
                let first = ready!(poll_first(body, cx));
                retrying.judge_first(response.take().expect(ONCE), first)
            }
            // ## Asking => (done | Waiting | Readying)
            Self::Asking { asking, waiting } => {
                let answer = ready!(asking.as_mut().poll(cx));
                retrying.answered(answer, waiting.take().expect(ONCE))
            }
            // ## Waiting => Readying
            Self::Waiting { delay, waiting } => {
                ready!(delay.poll(cx));
                retrying.get_ready(waiting.take().expect(ONCE))
            }
            // ## Readying => (done | Attempt | Waiting)
            Self::Readying {
                service,
                end,
                waiting,
            } => {
                let is_ready = service.poll_ready(cx);
                match is_ready {
                    Poll::Ready(Ok(())) => retrying.send(service, waiting.take().expect(ONCE)),
                    Poll::Ready(Err(error)) => retrying.judge_not_ready(error, waiting.take()),
                    Poll::Pending => {
                        ready!(poll_end(end, cx));
                        retrying.give_up(waiting.take().expect(ONCE), Stop::Deadline)
                    }
                }
            }
            Self::Done => panic!("{ONCE}"),
        })
    }

    /// Polls a call that another layer retries.
    fn poll_passed_on(self, cx: &mut Context<'_>) -> Poll<Result<Response<ResponseBody<R>>, E>> {
        match self {
            Self::Attempt { response } => response
                .poll(cx)
                .map(|result| result.map(|response| response.map(ResponseBody::new))),
            Self::Failed { error } => Poll::Ready(Err(error.take().expect(ONCE))),
            _ => panic!("{ONCE}"),
        }
    }
}

/// Reads the first frame that is not empty.
fn poll_first<R: Body + Unpin>(body: &mut R, cx: &mut Context<'_>) -> Poll<FirstFrame<R>> {
    loop {
        let first = ready!(Pin::new(&mut *body).poll_frame(cx));
        let data = first.as_ref().and_then(|it| it.as_ref().ok()?.data_ref());
        if data.is_none_or(Buf::has_remaining) {
            return Poll::Ready(first);
        }
    }
}

/// Waits until the deadline of the call, if it has one.
fn poll_end(end: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
    match end.as_pin_mut() {
        Some(end) => end.poll(cx),
        None => Poll::Pending,
    }
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
    B: RepeatableBody,
    R: Body,
{
    debug_state!(
        ResponseFuture,
        State,
        Attempt,
        Failed,
        Peek,
        Asking,
        Waiting,
        Readying,
        Done
    );
}
