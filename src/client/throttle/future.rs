//! The future of a [`Throttle`](super::Throttle) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::call::PendingCall;
use crate::client::body::ResponseBody;

pin_project! {
    /// The response to a call, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R, E> {
        Calling {
            #[pin]
            response: F,
            // `None` for a call that is not tracked.
            call: Option<PendingCall>,
        },
        Answered {
            answer: Option<Answered<R, E>>,
        },
    }
}

/// The result of a call.
type Answered<R, E> = Result<Response<ResponseBody<R>>, E>;

impl<F, R, E> ResponseFuture<F, R, E> {
    #[inline]
    pub(super) fn calling(response: F, call: Option<PendingCall>) -> Self {
        Self {
            state: State::Calling { response, call },
        }
    }

    pub(super) fn answered(answer: Answered<R, E>) -> Self {
        let answer = Some(answer);
        Self {
            state: State::Answered { answer },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Answered<R, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // ## Calling => done
            StateProj::Calling { response, call } => {
                let result = ready!(response.poll(cx));
                let call = call.take();
                Poll::Ready(match result {
                    Ok(response) => {
                        let at_end = call.and_then(|call| call.answered(&response));
                        Ok(response.map(|body| ResponseBody::new(body, at_end)))
                    }
                    Err(error) => {
                        call.into_iter().for_each(PendingCall::failed);
                        Err(error)
                    }
                })
            }
            // ## Answered => done
            StateProj::Answered { answer } => {
                Poll::Ready(answer.take().expect("polled after completion"))
            }
        }
    }
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    debug_state!(ResponseFuture, State, Calling, Answered);
}
