//! The future of an [`EnforceDeadline`](super::EnforceDeadline) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep_until},
};

use super::{
    body::ResponseBody,
    errand::Errand,
    observe::{Event, Stage},
    terms::Terms,
};
use crate::refusal::{Refusal, Refuse, stub};

pin_project! {
    /// The answer of the inner service, or a refusal if it is late.
    ///
    /// The inner future is polled before the timer, so that an answer that is
    /// there counts. When the deadline passes, it is dropped before the refusal
    /// is told.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F: Future, A> {
        Free {
            #[pin]
            response: F,
        },
        Waiting {
            #[pin]
            response: F,
            // Made when it is first needed: most answers are there at once, or
            // wait for others who wait by timers of their own. Unconstrained, for a
            // handler that uses up its task's budget whenever it is polled would
            // keep it from being looked at.
            #[pin]
            timer: Option<Unconstrained<Sleep>>,
            held: Option<Held<A>>,
        },
        Answered {
            answer: Option<F::Output>,
        },
    }
}

/// What is needed once the inner service has answered, or has not.
pub(super) struct Held<A> {
    pub(super) errand: Errand,
    pub(super) terms: Arc<Terms>,
    pub(super) answer: A,
    pub(super) content_type: Option<HeaderValue>,
}

impl<F: Future, A> ResponseFuture<F, A> {
    #[inline]
    pub(super) fn free(response: F) -> Self {
        Self {
            state: State::Free { response },
        }
    }

    #[inline]
    pub(super) fn waiting(response: F, held: Held<A>) -> Self {
        Self {
            state: State::Waiting {
                response,
                timer: None,
                held: Some(held),
            },
        }
    }

    pub(super) fn answered(answer: F::Output) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<A> Held<A> {
    /// Passes an answer on that came in time; its body has yet to.
    #[inline]
    fn in_time<B, E>(self, answer: Result<Response<B>, E>) -> Result<Response<ResponseBody<B>>, E>
    where
        B: Body + Send + 'static,
    {
        let Self {
            errand,
            terms,
            content_type,
            ..
        } = self;
        match answer {
            Ok(response) => {
                let under = |body| ResponseBody::under(errand, terms, content_type, body);
                Ok(response.map(under))
            }
            Err(error) => {
                errand.done();
                Err(error)
            }
        }
    }

    /// Of the request there is left what says in which way to answer.
    fn late<B, E>(self) -> Result<Response<B>, E>
    where
        A: Refuse<Request<()>, Response<B>, E>,
    {
        self.terms.notice(Event::Exceeded(Stage::Handler));
        let request = stub(self.content_type);
        self.answer.refuse(Refusal::deadline_exceeded(), &request)
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
            StateProj::Free { response } => response.poll(cx).map(free),
            // ## Waiting => (done | Answered)
            StateProj::Waiting {
                response,
                mut timer,
                held,
            } => {
                let errand = &mut held.as_mut().expect(POLLED).errand;
                if let Poll::Ready(answer) = errand.run(|| response.poll(cx)) {
                    let held = held.take().expect(POLLED);
                    return Poll::Ready(held.in_time(answer));
                }
                ready!(late(timer.as_mut(), errand, cx));
                let held = held.take().expect(POLLED);
                state.set(State::Answered { answer: None });
                Poll::Ready(free(held.late()))
            }
            // ## Answered => done
            StateProj::Answered { answer } => Poll::Ready(free(answer.take().expect(POLLED))),
        }
    }
}

const POLLED: &str = "polled after it was done";

/// Ends when the errand is late.
fn late(
    mut timer: Pin<&mut Option<Unconstrained<Sleep>>>,
    errand: &Errand,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if timer.is_none() {
        timer.set(Some(unconstrained(sleep_until(
            errand.deadline().instant(),
        ))));
    }
    let timer = timer.as_pin_mut();
    timer.map_or(Poll::Pending, |timer| timer.poll(cx))
}

#[inline]
fn free<B, E>(answer: Result<Response<B>, E>) -> Result<Response<ResponseBody<B>>, E> {
    answer.map(|response| response.map(ResponseBody::free))
}

impl<F: Future, A> fmt::Debug for ResponseFuture<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Free { .. } => "Free",
            State::Waiting { .. } => "Waiting",
            State::Answered { .. } => "Answered",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
