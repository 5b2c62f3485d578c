//! The future of an [`Obey`](super::Obey) service.
//!
//! ```text
//! sent at once ───────────────► Calling ── response ─► learned, and returned
//! held back ────► Waiting ────► Calling
//!                    └── late ► Answered ────────────► the refusal
//! refused at once ────────────► Answered
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::call::{Next, Sent, WaitingCall};
use crate::{
    client::body::{AtEnd, ResponseBody, has_verdict_in_trailers},
    refusal::{Refusal, Refuse},
};

pin_project! {
    /// The response to a call, after the call was held back if its server wants
    /// that.
    ///
    /// A future that is dropped while it waits leaves its place to the next
    /// one, and the call is not sent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R, A>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, R, A, S::Future, S::Error>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, R, A, F, E> {
        // Boxed, because few calls wait and every future would be as large as a
        // request.
        Held {
            held: Pin<Box<HeldCall<S, B, A>>>,
        },
        Calling {
            #[pin]
            response: F,
            // `None` for a call that is not tracked.
            sent: Option<Sent>,
        },
        Answered {
            answer: Option<Answered<R, E>>,
        },
    }
}

/// The result of a call.
type Answered<R, E> = Result<Response<ResponseBody<R>>, E>;

pin_project! {
    /// A call that waits for its turn.
    struct HeldCall<S, B, A> {
        waiting: WaitingCall,
        #[pin]
        timer: Sleep,
        // `None` once its turn has come.
        call: Option<ReadyCall<S, B, A>>,
    }
}

/// A call with the instance that `poll_ready` has found ready.
pub(super) struct ReadyCall<S, B, A> {
    pub(super) service: S,
    pub(super) request: Request<B>,
    pub(super) answer: A,
}

/// A held call with its decision; without the call if that was taken before.
type DecidedCall<S, B, A> = (CallTurn, Option<ReadyCall<S, B, A>>);

/// Whether a held call may be sent.
enum CallTurn {
    Pass(Sent),
    Refuse(Refusal),
}

impl<S, B, R, A> ResponseFuture<S, B, R, A>
where
    S: Service<Request<B>>,
{
    /// The call was sent.
    #[inline]
    pub(super) fn calling(response: S::Future, sent: Option<Sent>) -> Self {
        Self {
            state: State::Calling { response, sent },
        }
    }

    /// The call has a place in the line.
    pub(super) fn held(waiting: WaitingCall, call: ReadyCall<S, B, A>) -> Self {
        let timer = sleep_until(waiting.patience.until.unwrap_or_else(Instant::now));
        let call = Some(call);
        let held = Box::pin(HeldCall {
            waiting,
            timer,
            call,
        });
        Self {
            state: State::Held { held },
        }
    }

    /// The call was refused at once.
    pub(super) fn answered(answer: Answered<R, S::Error>) -> Self {
        let answer = Some(answer);
        Self {
            state: State::Answered { answer },
        }
    }
}

impl<S, B, A> HeldCall<S, B, A> {
    /// Ready when it is the call's turn, or too late for it.
    fn poll_turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DecidedCall<S, B, A>> {
        let mut this = self.project();
        loop {
            let until = match this.waiting.next(cx.waker(), Instant::now()) {
                Next::Pass(sent) => return Poll::Ready((CallTurn::Pass(sent), this.call.take())),
                Next::Refuse(refusal) => {
                    return Poll::Ready((CallTurn::Refuse(refusal), this.call.take()));
                }
                Next::Sleep(until) => until,
            };
            if this.timer.deadline() != until {
                this.timer.as_mut().reset(until);
            }
            ready!(this.timer.as_mut().poll(cx));
        }
    }
}

impl<S, B, R, A> Future for ResponseFuture<S, B, R, A>
where
    S: Service<Request<B>, Response = Response<R>>,
    A: Refuse<Request<B>, Response<ResponseBody<R>>, S::Error>,
{
    type Output = Answered<R, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // ## Held => (Calling | Answered)
                StateProj::Held { held } => {
                    let (turn, call) = ready!(held.as_mut().poll_turn(cx));
                    let call = call.expect("polled after its turn");
                    state.set(State::after_wait(turn, call));
                }
                // ## Calling => done
                StateProj::Calling { response, sent } => {
                    let result = ready!(response.poll(cx));
                    let sent = sent.take();
                    return Poll::Ready(result.map(|response| learned(response, sent)));
                }
                // ## Answered => done
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after completion"));
                }
            }
        }
    }
}

impl<S, B, R, A> State<S, B, R, A, S::Future, S::Error>
where
    S: Service<Request<B>>,
    A: Refuse<Request<B>, Response<ResponseBody<R>>, S::Error>,
{
    /// Calls the service, or answers with the refusal.
    fn after_wait(turn: CallTurn, mut call: ReadyCall<S, B, A>) -> Self {
        match turn {
            CallTurn::Pass(sent) => Self::Calling {
                response: call.service.call(call.request),
                sent: Some(sent),
            },
            CallTurn::Refuse(refusal) => Self::Answered {
                answer: Some(call.answer.refuse(refusal, &call.request)),
            },
        }
    }
}

/// Learns from a response. A gRPC response may say more in its trailers.
fn learned<R>(response: Response<R>, sent: Option<Sent>) -> Response<ResponseBody<R>> {
    let gate = sent.and_then(|sent| sent.answered(&response, Instant::now()));
    let gate = gate.filter(|_| has_verdict_in_trailers(&response));
    let at_end = gate.map(|gate| {
        AtEnd::new(move |trailers| {
            trailers
                .into_iter()
                .for_each(|it| gate.trailed(it, Instant::now()));
        })
    });
    response.map(|body| ResponseBody::new(body, at_end))
}

impl<S, B, R, A> fmt::Debug for ResponseFuture<S, B, R, A>
where
    S: Service<Request<B>>,
{
    debug_state!(ResponseFuture, State, Held, Calling, Answered);
}
