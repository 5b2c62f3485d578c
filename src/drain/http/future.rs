//! The future of a [`Draining`](super::Draining) service.
//!
//! ```text
//! exempt ───► Exempt ───────────────────────► the response
//! late ─────► Answered ─────────────────────► the refusal
//! tracked ──► Tracked ─┬─ response ─────────► the response, its body tracked
//!                      └─ abort ── Answered ► the refusal
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    body::ResponseBody,
    pending::{PendingRequest, own},
};
use crate::{
    drain::state::Phase,
    refusal::{BoxError, Refuse},
};

pin_project! {
    /// The response of the inner service, or a refusal at the abort, which drops
    /// the inner future.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future, X, A> {
        #[pin]
        state: State<F, X, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F: Future, X, A> {
        Exempt {
            #[pin]
            response: F,
        },
        Tracked {
            #[pin]
            response: F,
            pending: Option<PendingRequest<X, A>>,
        },
        // The layer has refused the request itself.
        Answered {
            answer: Option<F::Output>,
            version: Version,
        },
    }
}

/// The panic of a future that is polled after it was ready.
const POLLED: &str = "polled after it was done";

impl<F: Future, X, A> ResponseFuture<F, X, A> {
    #[inline]
    pub(super) fn exempt(response: F) -> Self {
        Self {
            state: State::Exempt { response },
        }
    }

    #[inline]
    pub(super) fn tracked(response: F, pending: PendingRequest<X, A>) -> Self {
        Self {
            state: State::Tracked {
                response,
                pending: Some(pending),
            },
        }
    }

    pub(super) fn answered(answer: F::Output, version: Version) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
                version,
            },
        }
    }
}

impl<F, B, E, X, A> Future for ResponseFuture<F, X, A>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data: From<Bytes>, Error: Into<BoxError>>,
    A: Refuse<Request<()>, Response<B>, E>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            // ## Exempt => done
            StateProj::Exempt { response } => {
                let answer = ready!(response.poll(cx));
                Poll::Ready(answer.map(|response| response.map(ResponseBody::untracked)))
            }
            // ## Tracked => (done | Answered)
            StateProj::Tracked { response, pending } => {
                let waiting = pending.as_mut().expect(POLLED);
                let is_over = |phase| phase >= Phase::Aborting;
                let polled = waiting.tracked.poll(cx, is_over, |cx| response.poll(cx));
                let polled = ready!(polled);
                let pending = pending.take().expect(POLLED);
                if let Ok(answer) = polled {
                    return Poll::Ready(pending.answered(answer));
                }
                // Drops the handler before the ticket, so that the drain waits
                // for that, too.
                let version = Version::default();
                state.set(State::Answered {
                    answer: None,
                    version,
                });
                Poll::Ready(pending.aborted())
            }
            // ## Answered => done
            StateProj::Answered { answer, version } => {
                Poll::Ready(own(answer.take().expect(POLLED), *version))
            }
        }
    }
}

impl<F: Future, X, A> fmt::Debug for ResponseFuture<F, X, A> {
    debug_state!(ResponseFuture, State, Exempt, Tracked, Answered);
}
