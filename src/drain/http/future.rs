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
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header::CONNECTION};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    body::ResponseBody, last_words::LastWords, layer::LayerSettings, service::RequestHead,
};
use crate::{
    drain::{state::Phase, work::Tracked},
    refusal::{BoxError, Reason, Refusal, Refuse, request_stub},
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
            tracked: Option<Tracked>,
            head: RequestHead,
            settings: Arc<LayerSettings<X, A>>,
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
    pub(super) fn tracked(
        response: F,
        tracked: Tracked,
        head: RequestHead,
        settings: Arc<LayerSettings<X, A>>,
    ) -> Self {
        Self {
            state: State::Tracked {
                response,
                tracked: Some(tracked),
                head,
                settings,
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
            StateProj::Tracked {
                response,
                tracked,
                head,
                settings,
            } => {
                let work = tracked.as_mut().expect(POLLED);
                if work.phase() < Phase::Aborting {
                    let inside = work.enter();
                    let polled = response.poll(cx);
                    drop(inside);
                    if let Poll::Ready(answer) = polled {
                        let work = tracked.take().expect(POLLED);
                        return Poll::Ready(passed_on(answer, work, head, settings));
                    }
                    if work.pending(cx) < Phase::Aborting {
                        return Poll::Pending;
                    }
                }
                let (version, work) = (head.version, tracked.take());
                let request = request_stub(head.content_type.take());
                let refusal = Refusal::because(Reason::Aborted);
                let answer = settings.answer.refuse(refusal, &request);
                // Drops the handler before its ticket, so that the drain waits
                // for that, too.
                state.set(State::Answered {
                    answer: None,
                    version,
                });
                drop(work);
                Poll::Ready(own(answer, version))
            }
            // ## Answered => done
            StateProj::Answered { answer, version } => {
                Poll::Ready(own(answer.take().expect(POLLED), *version))
            }
        }
    }
}

/// Returns the response of the inner service, whose body is tracked.
fn passed_on<B, E, X, A>(
    answer: Result<Response<B>, E>,
    mut work: Tracked,
    head: &mut RequestHead,
    settings: &LayerSettings<X, A>,
) -> Result<Response<ResponseBody<B>>, E>
where
    B: Body,
{
    let phase = work.phase();
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => {
            if let Some(ticket) = work.take() {
                ticket.end();
            }
            return Err(error);
        }
    };
    if head.is_tunnel(&response) {
        if let Some(ticket) = work.take() {
            ticket.upgraded();
        }
        return Ok(response.map(ResponseBody::untracked));
    }
    if phase > Phase::Serving {
        close_connection(&mut response, head.version);
    }
    if head.is_whole(&response) {
        if let Some(ticket) = work.take() {
            ticket.end();
        }
        return Ok(response.map(ResponseBody::untracked));
    }
    let last_words = LastWords::of(response.headers(), settings.last_event.as_ref());
    Ok(response.map(|body| ResponseBody::tracked(body, work, last_words)))
}

/// Returns a response of the layer's own.
fn own<B, E>(
    answer: Result<Response<B>, E>,
    version: Version,
) -> Result<Response<ResponseBody<B>>, E> {
    let mut response = answer?;
    close_connection(&mut response, version);
    Ok(response.map(ResponseBody::untracked))
}

/// Asks a client of HTTP/1.1 to send its next request over another connection.
fn close_connection<B>(response: &mut Response<B>, version: Version) {
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

impl<F: Future, X, A> fmt::Debug for ResponseFuture<F, X, A> {
    debug_state!(ResponseFuture, State, Exempt, Tracked, Answered);
}
