//! The future of a [`RateLimit`](super::RateLimit) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    gate::{Admitted, Asker, Gate, Passage},
    limiter::Backend,
};
use crate::refusal::Refuse;

/// What an admitted response is marked with, and by whom.
type Mark<A> = Option<(Admitted, A)>;

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
        Checking {
            #[pin]
            check: L::Future,
            asker: Option<Asker>,
            gate: Arc<Gate<L, K, C, X>>,
            held: Option<Held<S, Req, A>>,
        },
        Calling {
            #[pin]
            response: S::Future,
            mark: Mark<A>,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

impl<S: Service<Req>, Req, L: Backend, K, C, X, A> ResponseFuture<S, Req, L, K, C, X, A> {
    pub(super) fn checking(
        check: L::Future,
        asker: Asker,
        gate: Arc<Gate<L, K, C, X>>,
        held: Held<S, Req, A>,
    ) -> Self {
        Self {
            state: State::Checking {
                check,
                asker: Some(asker),
                gate,
                held: Some(held),
            },
        }
    }

    #[inline]
    pub(super) fn calling(response: S::Future, mark: Mark<A>) -> Self {
        Self {
            state: State::Calling { response, mark },
        }
    }

    pub(super) fn answered(answer: Result<S::Response, S::Error>) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<S, Req, L, K, C, X, A> Future for ResponseFuture<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Checking => (Calling | Answered)
                StateProj::Checking {
                    check,
                    asker,
                    gate,
                    held,
                } => {
                    let answer = ready!(check.poll(cx));
                    let (asker, held) = asker.take().zip(held.take()).expect(TAKEN_ONCE);
                    let passage = gate.answered(asker, answer);
                    state.set(proceed(passage, held));
                }
                // ## Calling => done
                StateProj::Calling { response, mark } => {
                    let mut answer = ready!(response.poll(cx));
                    if let (Some((it, answerer)), Ok(response)) = (mark, &mut answer) {
                        answerer.mark(&it.limiter, &it.decision, response);
                    }
                    return Poll::Ready(answer);
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after it was done"));
                }
            }
        }
    }
}

const TAKEN_ONCE: &str = "a decision ends the state that holds the request";

fn proceed<S, Req, L, K, C, X, A>(
    passage: Passage<L::Future>,
    (mut ready, req, answer): Held<S, Req, A>,
) -> State<S, Req, L, K, C, X, A>
where
    S: Service<Req>,
    L: Backend,
    A: Refuse<Req, S::Response, S::Error>,
{
    match passage {
        Passage::Pass(admitted) => State::Calling {
            response: ready.call(req),
            mark: admitted.map(|it| (it, answer)),
        },
        Passage::Refuse(refusal) => State::Answered {
            answer: Some(answer.refuse(refusal, &req)),
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
            State::Answered { .. } => "Answered",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
