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
use crate::{
    criticality::{Criticality, Running},
    red::on_panic,
    refusal::Refuse,
};

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
            // `None` for a request that is exempt.
            held: Option<HeldRequest>,
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
    pub(super) fn call(service: &mut S, req: Request<B>, held: Option<HeldRequest>) -> Self {
        Self {
            state: State::call(service, req, held),
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
                    let running = running(held);
                    let polled = on_panic::run(held, drop, || response.poll(cx));
                    drop(running);
                    let result = ready!(polled);
                    return Poll::Ready(held_on(result, held));
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    let answer = answer.take().expect("polled after completion");
                    let free = |body| ResponseBody::new(body, None, None);
                    return Poll::Ready(answer.map(|response| response.map(free)));
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
    fn call(service: &mut S, req: Request<B>, held: Option<HeldRequest>) -> Self {
        let running = running(&held);
        let response = service.call(req);
        drop(running);
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
            Admittance::Pass => Self::call(&mut ready.service, ready.request, None),
            Admittance::Hold(held) => Self::call(&mut ready.service, ready.request, Some(held)),
            Admittance::Refuse(refusal) => Self::Answered {
                answer: Some(ready.admission.answer.refuse(refusal, &ready.request)),
            },
            Admittance::Wait(..) => unreachable!("a request waits only once"),
        }
    }
}

/// Makes the level of a request the current one, if it was decided.
#[inline]
fn running(held: &Option<HeldRequest>) -> Option<Running> {
    let level: Option<Criticality> = held.as_ref().and_then(|held| held.level);
    level.map(|level| Running::at(Some(level)))
}

/// Passes the permit from a request to its response.
#[inline]
fn held_on<D: Body, E: 'static>(
    result: Result<Response<D>, E>,
    held: &mut Option<HeldRequest>,
) -> Result<Response<ResponseBody<D>>, E> {
    let mut request = held.take();
    match result {
        Ok(response) => {
            let level = request.as_ref().and_then(|request| request.level);
            let held = request.as_mut().and_then(|request| request.head(&response));
            Ok(response.map(|body| ResponseBody::new(body, held, level)))
        }
        Err(error) => {
            if let Some(request) = &mut request {
                request.fail(&error);
            }
            Err(error)
        }
    }
}

impl<S, B, L, K, P, X, A> fmt::Debug for ResponseFuture<S, B, L, K, P, X, A>
where
    S: Service<Request<B>>,
{
    debug_state!(ResponseFuture, State, Queued, Calling, Answered);
}
