//! The future of a [`RateLimit`](crate::limit::RateLimit) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep_until},
};
use tower_service::Service;

use super::admission::{Admitted, Asker, Gate, Passage};
use crate::{
    deadline,
    limit::limiter::Backend,
    refusal::{Origin, Refuse},
};

/// Whatever waits for a decision: the service that is ready, the request for
/// it, and who answers if it is refused.
type Held<S, Req, A> = (S, Req, A);

pin_project! {
    /// The answer of the inner service, or a refusal.
    ///
    /// Dropped while it waits for its turn, it gives its place back.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
    {
        #[pin]
        state: State<S, Req, L, K, C, X, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, L, K, C, X, A>
    where
        S: Service<Req>,
        L: Backend,
    {
        // Boxed, or else every future were as large as a request.
        Checking {
            waiting: Pin<Box<Waiting<S, Req, L, K, C, X, A>>>,
        },
        Calling {
            #[pin]
            response: S::Future,
        },
        // Apart, for to carry nothing is cheaper than to carry no mark.
        Marking {
            #[pin]
            response: S::Future,
            admitted: Admitted,
            answer: A,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

pin_project! {
    struct Waiting<S, Req, L, K, C, X, A>
    where
        L: Backend,
    {
        #[pin]
        check: L::Future,
        // The end of the time in which a decision is of any use.
        #[pin]
        deadline: Option<Unconstrained<Sleep>>,
        asker: Option<Asker>,
        gate: Arc<Gate<L, K, C, X>>,
        held: Option<Held<S, Req, A>>,
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> ResponseFuture<S, Req, L, K, C, X, A> {
    pub(crate) fn checking(
        check: L::Future,
        asker: Asker,
        gate: Arc<Gate<L, K, C, X>>,
        held: Held<S, Req, A>,
    ) -> Self {
        let (asker, held) = (Some(asker), Some(held));
        let deadline =
            deadline::current().map(|deadline| unconstrained(sleep_until(deadline.instant())));
        let waiting = Box::pin(Waiting {
            check,
            deadline,
            asker,
            gate,
            held,
        });
        Self {
            state: State::Checking { waiting },
        }
    }

    #[inline]
    pub(crate) fn calling(response: S::Future) -> Self {
        Self {
            state: State::Calling { response },
        }
    }

    pub(crate) fn marking(response: S::Future, admitted: Admitted, answer: A) -> Self {
        Self {
            state: State::Marking {
                response,
                admitted,
                answer,
            },
        }
    }

    pub(crate) fn answered(answer: Result<S::Response, S::Error>) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<S, Req, L, K, C, X, A> Waiting<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<State<S, Req, L, K, C, X, A>> {
        let this = self.project();
        let answer = match this.check.poll(cx) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => {
                let deadline = this.deadline.as_pin_mut();
                ready!(deadline.map_or(Poll::Pending, |deadline| deadline.poll(cx)));
                None
            }
        };
        let held = this.asker.take().zip(this.held.take());
        let (asker, held) = held.expect("a decision ends the state that holds the request");
        let origin = asker.origin;
        let passage = match answer {
            Some(answer) => this.gate.answered(asker, answer),
            None => this.gate.too_late(asker.names()),
        };
        Poll::Ready(proceed(passage, origin, held))
    }
}

impl<S, Req, L, K, C, X, A> Future for ResponseFuture<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Checking => (Calling | Marking | Answered)
                StateProj::Checking { waiting } => {
                    let next = ready!(waiting.as_mut().poll(cx));
                    state.set(next);
                }
                // ## Calling => done
                StateProj::Calling { response } => return response.poll(cx),
                // ## Marking => done
                StateProj::Marking {
                    response,
                    admitted,
                    answer,
                } => {
                    let mut answered = ready!(response.poll(cx));
                    if let Ok(response) = &mut answered {
                        admitted.mark(answer, response);
                    }
                    return Poll::Ready(answered);
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after it was done"));
                }
            }
        }
    }
}

fn proceed<S, Req, L, K, C, X, A>(
    passage: Passage<L::Future>,
    origin: Origin,
    (mut ready, req, answer): Held<S, Req, A>,
) -> State<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    match passage {
        Passage::Pass => State::Calling {
            response: ready.call(req),
        },
        Passage::Mark(admitted) => State::Marking {
            response: ready.call(req),
            admitted,
            answer,
        },
        Passage::Refuse(refusal) => State::Answered {
            answer: Some(answer.refuse(refusal.answering(origin), &req)),
        },
        Passage::Wait(..) => unreachable!("whoever has been answered does not wait"),
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> fmt::Debug
    for ResponseFuture<S, Req, L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Checking { .. } => "Checking",
            State::Calling { .. } => "Calling",
            State::Marking { .. } => "Marking",
            State::Answered { .. } => "Answered",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
