//! The states of a call, and what each waits for. `future` drives them, and
//! `retrying` decides which one follows.

use std::{
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
    nested,
    observe::Stop,
    retrying::{FirstFrame, Next, PendingRetry, Retrying},
};

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
            waiting: Option<PendingRetry<R, E>>,
        },
        // The call waits for its next attempt.
        Waiting {
            #[pin]
            delay: Sleep,
            waiting: Option<PendingRetry<R, E>>,
        },
        // A clone of the service gets ready for it.
        Readying {
            service: S,
            #[pin]
            end: Option<Sleep>,
            waiting: Option<PendingRetry<R, E>>,
        },
        Done,
    }
}

/// The panic of a future that is polled after it was ready.
const ONCE: &str = "polled after it was done";

impl<S, R, F, E> StateProj<'_, F, S, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body + Unpin,
    E: 'static,
{
    /// Polls a call that this layer retries.
    #[inline]
    pub(super) fn poll<B>(
        self,
        retrying: &mut Retrying<S, B>,
        cx: &mut Context<'_>,
    ) -> Poll<Next<F, S, R, E>>
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
            waiting => ready!(waiting.poll_waiting(retrying, cx)),
        })
    }

    /// Polls a call between two attempts.
    fn poll_waiting<B>(
        self,
        retrying: &mut Retrying<S, B>,
        cx: &mut Context<'_>,
    ) -> Poll<Next<F, S, R, E>>
    where
        S: Service<Request<B>, Response = Response<R>, Future = F, Error = E> + Clone,
        B: RepeatableBody,
    {
        Poll::Ready(match self {
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
                let is_ready = ready!(poll_ready_until(service, end, cx));
                let waiting = waiting.take().expect(ONCE);
                match is_ready {
                    Some(Ok(())) => retrying.send(service, waiting),
                    Some(Err(error)) => retrying.judge_not_ready(error, Some(waiting)),
                    None => retrying.give_up(waiting, Stop::Deadline),
                }
            }
            _ => panic!("{ONCE}"),
        })
    }

    /// Polls a call that another layer retries.
    pub(super) fn poll_passed_on(
        self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResponseBody<R>>, E>> {
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

/// Waits until the service is ready. Returns `None` at the deadline of the call.
fn poll_ready_until<S, B>(
    service: &mut S,
    end: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<(), S::Error>>>
where
    S: Service<Request<B>>,
{
    if let Poll::Ready(is_ready) = service.poll_ready(cx) {
        return Poll::Ready(Some(is_ready));
    }
    match end.as_pin_mut() {
        Some(end) => end.poll(cx).map(|()| None),
        None => Poll::Pending,
    }
}
