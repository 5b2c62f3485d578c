//! The future of a [`Concurrency`](crate::concurrency::Concurrency) service.

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
    body::ResponseBody,
    decided::Admittance,
    held_request::HeldRequest,
    queued_call::{QueuedCall, ReadyService},
};
use crate::refusal::Refuse;

pin_project! {
    /// The response of the inner service, which holds its permit until it ends,
    /// or a refusal.
    ///
    /// A future that is dropped gives back its permit, or its place in the
    /// queue.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, L, K, P, X, A>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, L, K, P, X, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, L, K, P, X, A>
    where
        S: Service<Request<B>>,
    {
        // Boxed, because few requests wait and every future would be as large
        // as a request.
        Queued {
            call: Box<QueuedCall<S, Request<B>, L, K, P, X, A>>,
        },
        Calling {
            // Dropped before the permit goes back.
            #[pin]
            response: S::Future,
            held: HeldRequest,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

impl<S, B, L, K, P, X, A> ResponseFuture<S, B, L, K, P, X, A>
where
    S: Service<Request<B>>,
{
    /// The request has to wait.
    pub(super) fn queued(call: QueuedCall<S, Request<B>, L, K, P, X, A>) -> Self {
        let call = Box::new(call);
        Self {
            state: State::Queued { call },
        }
    }

    /// Calls the service with a request that was admitted.
    #[inline]
    pub(super) fn call(service: &mut S, req: Request<B>, held: HeldRequest) -> Self {
        Self {
            state: State::call(service, req, held),
        }
    }

    /// The service was called with a request that has its permit.
    #[inline]
    pub(super) fn calling(response: S::Future, held: HeldRequest) -> Self {
        Self {
            state: State::Calling { response, held },
        }
    }

    /// The request was refused at once.
    pub(super) fn answered(answer: Result<S::Response, S::Error>) -> Self {
        Self {
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<S, B, D, L, K, P, X, A> Future for ResponseFuture<S, B, L, K, P, X, A>
where
    S: Service<Request<B>, Response = Response<D>, Error: 'static>,
    D: Body<Error: 'static>,
    A: Refuse<Request<B>, Response<D>, S::Error>,
{
    type Output = Result<Response<ResponseBody<D>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Queued => (Calling | Answered)
                StateProj::Queued { call } => {
                    let (admittance, ready) = ready!(call.poll(cx));
                    state.set(State::after_wait(admittance, ready));
                }
                // ## Calling => done
                StateProj::Calling { response, held } => {
                    let running = held.running();
                    let watch = held.watch();
                    let polled = response.poll(cx);
                    watch.returned();
                    drop(running);
                    return held.respond(polled);
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    let answer = answer.take().expect("polled after completion");
                    return Poll::Ready(answer.map(|response| response.map(ResponseBody::free)));
                }
            }
        }
    }
}

impl<S, B, L, K, P, X, A> State<S, B, L, K, P, X, A>
where
    S: Service<Request<B>>,
{
    /// Calls the service. A panic of the call gives the permit back.
    #[inline]
    fn call(service: &mut S, req: Request<B>, held: HeldRequest) -> Self {
        let response = held.call(service, req);
        Self::Calling { response, held }
    }

    /// Calls the service, or answers with the refusal.
    fn after_wait(
        admittance: Admittance,
        mut ready: ReadyService<S, Request<B>, L, K, P, X, A>,
    ) -> Self
    where
        A: Refuse<Request<B>, S::Response, S::Error>,
    {
        match admittance {
            Admittance::Pass => {
                Self::call(&mut ready.service, ready.request, HeldRequest::default())
            }
            Admittance::Hold(held) => Self::call(&mut ready.service, ready.request, held),
            Admittance::Refuse(refusal) => Self::Answered {
                answer: Some(ready.admission.answer.refuse(refusal, &ready.request)),
            },
            Admittance::Wait(..) => unreachable!("a request waits only once"),
        }
    }
}

impl<S, B, L, K, P, X, A> fmt::Debug for ResponseFuture<S, B, L, K, P, X, A>
where
    S: Service<Request<B>>,
{
    debug_state!(ResponseFuture, State, Queued, Calling, Answered);
}
