//! The future of a [`SettledLimit`](crate::limit::SettledLimit) service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    actual_cost::ActualCost,
    admission::{HoldAdmit, PendingHold},
    body::SettledBody,
    settlement::Settlement,
};
use crate::{
    body_end::BodyEnd,
    limit::{
        http::{admit::Admit, pending::ReadyCall, pending_mark::PendingMark},
        limiter::Backend,
    },
    red::on_panic,
    refusal::Refuse,
};

/// A hold under way, with the call of a service that waits for it.
pub(super) type WaitingHold<S, Req, L, K, C, X, A> =
    PendingHold<<L as Backend>::Error, ReadyCall<S, Req, L, K, C, X, A>>;

pin_project! {
    /// The response of the inner service, whose body is still to be settled, or
    /// a refusal.
    ///
    /// Dropped while it waits, the request is not charged. Dropped later, it is
    /// settled as one that was cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct SettledFuture<S, B, L, K, C, X, A, F>
    where
        S: Service<Request<B>>,
        L: Backend,
        F: ActualCost,
    {
        actual_cost: Arc<F>,
        #[pin]
        state: State<S, B, L, K, C, X, A, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, L, K, C, X, A, F>
    where
        S: Service<Request<B>>,
        L: Backend,
        F: ActualCost,
    {
        Holding {
            pending: WaitingHold<S, Request<B>, L, K, C, X, A>,
        },
        Calling {
            #[pin]
            response: S::Future,
            // `None` for a request that is not charged.
            settlement: Option<Settlement<F>>,
            // `None` for a response that is not marked.
            mark: Option<PendingMark<L, K, C, X, A>>,
        },
        Answered {
            answer: Option<Result<S::Response, S::Error>>,
        },
    }
}

impl<S, B, L, K, C, X, A, F> SettledFuture<S, B, L, K, C, X, A, F>
where
    S: Service<Request<B>>,
    L: Backend,
    F: ActualCost,
{
    /// The limiter needs time, or the request has to wait for its turn.
    pub(super) fn holding(
        actual_cost: Arc<F>,
        pending: WaitingHold<S, Request<B>, L, K, C, X, A>,
    ) -> Self {
        Self {
            actual_cost,
            state: State::Holding { pending },
        }
    }

    /// The request is admitted. `mark` is how its response is marked.
    pub(super) fn calling(
        actual_cost: Arc<F>,
        response: S::Future,
        settlement: Option<Settlement<F>>,
        mark: Option<PendingMark<L, K, C, X, A>>,
    ) -> Self {
        Self {
            actual_cost,
            state: State::Calling {
                response,
                settlement,
                mark,
            },
        }
    }

    /// The request was refused at once.
    pub(super) fn answered(actual_cost: Arc<F>, answer: Result<S::Response, S::Error>) -> Self {
        Self {
            actual_cost,
            state: State::Answered {
                answer: Some(answer),
            },
        }
    }
}

impl<S, B, D, L, K, C, X, A, F> Future for SettledFuture<S, B, L, K, C, X, A, F>
where
    S: Service<Request<B>, Response = Response<D>, Error: 'static>,
    D: Body,
    L: Backend,
    A: Refuse<Request<B>, Response<D>, S::Error>,
    F: ActualCost,
{
    type Output = Result<Response<SettledBody<D, F>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            match state.as_mut().project() {
                // ## Holding => (Calling | Answered)
                StateProj::Holding { pending } => {
                    let (answer, context, call) = ready!(pending.as_mut().poll_answer(cx));
                    let admit = call.admission.after_hold(context, answer);
                    state.set(State::after_wait(admit, call, this.actual_cost));
                }
                // ## Calling => done
                StateProj::Calling {
                    response,
                    settlement,
                    mark,
                } => {
                    let poll = || response.poll(cx);
                    let answer = ready!(on_panic::run(settlement, Settlement::panic, poll));
                    return Poll::Ready(begin(answer, settlement.take(), mark.take()));
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    let answer = answer.take().expect("polled after completion");
                    return Poll::Ready(begin::<B, _, _, L, K, C, X, A, _>(answer, None, None));
                }
            }
        }
    }
}

/// Begins the response, or settles a request that has none.
fn begin<B, D, E, L, K, C, X, A, F>(
    answer: Result<Response<D>, E>,
    settlement: Option<Settlement<F>>,
    mark: Option<PendingMark<L, K, C, X, A>>,
) -> Result<Response<SettledBody<D, F>>, E>
where
    D: Body,
    E: 'static,
    L: Backend,
    A: Refuse<Request<B>, Response<D>, E>,
    F: ActualCost,
{
    match answer {
        Ok(mut response) => {
            let settlement = settlement.and_then(|it| it.head(&response));
            if let Some(mark) = mark {
                mark.write(&mut response);
            }
            Ok(response.map(|body| SettledBody::new(body, settlement)))
        }
        Err(error) => {
            if let Some(settlement) = settlement {
                settlement.no_response(&error);
            }
            Err(error)
        }
    }
}

impl<S, B, D, L, K, C, X, A, F> State<S, B, L, K, C, X, A, F>
where
    S: Service<Request<B>, Response = Response<D>>,
    L: Backend,
    A: Refuse<Request<B>, Response<D>, S::Error>,
    F: ActualCost,
{
    /// Calls the service, or answers with the refusal.
    fn after_wait(
        (admit, hold): HoldAdmit<Infallible>,
        mut call: ReadyCall<S, Request<B>, L, K, C, X, A>,
        actual_cost: &Arc<F>,
    ) -> Self {
        let mark = match admit {
            Admit::Pass(mark) => PendingMark::new(mark, &call.admission),
            Admit::Refuse(refusal) => {
                let answer = Some(call.admission.answer.refuse(refusal, &call.request));
                return Self::Answered { answer };
            }
            Admit::Wait(never) => match never {},
        };
        let (service, request) = (&mut call.service, call.request);
        let (response, settlement) = Settlement::start(service, request, hold, actual_cost);
        Self::Calling {
            response,
            settlement,
            mark,
        }
    }
}

impl<S, B, L, K, C, X, A, F> fmt::Debug for SettledFuture<S, B, L, K, C, X, A, F>
where
    S: Service<Request<B>>,
    L: Backend,
    F: ActualCost,
{
    debug_state!(SettledFuture, State, Holding, Calling, Answered);
}
