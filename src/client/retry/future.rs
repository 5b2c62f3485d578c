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

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::{RepeatableBody, ResponseBody},
    call::RetriedCall,
    retrying::{Next, Retrying},
    state::State,
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

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
    B: RepeatableBody,
    R: Body,
{
    /// Returns the future of a call whose first attempt was sent.
    #[inline]
    pub(super) fn begun(response: S::Future, call: RetriedCall<B::Source>, service: S) -> Self {
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
    pub(super) fn failed(error: S::Error, retrying: Option<(RetriedCall<B::Source>, S)>) -> Self {
        Self {
            retrying: retrying.map(|(call, service)| Retrying { call, service }),
            state: State::Failed { error: Some(error) },
        }
    }
}

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
