//! The steps of a call from one attempt to the next. The future polls, and asks
//! here what follows.

use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::time::{sleep, sleep_until};
use tower_service::Service;

use super::{
    body::{RepeatableBody, ResponseBody},
    budget::{FleetAnswer, Reservation},
    call::RetriedCall,
    failure::FailedAttempt,
    nested,
    observe::{Event, Stop},
    outcome::{
        Finding, Head, Progress, find_in_error, find_in_head, find_in_trailers, find_not_sent,
    },
    state::State,
};

/// A call, and the service that sends it.
pub(super) struct Retrying<S, B: RepeatableBody> {
    pub(super) call: RetriedCall<B::Source>,
    /// Never polled, and cloned for each attempt.
    pub(super) service: S,
}

/// A call that waits for its next attempt.
pub(super) struct PendingRetry<R: Body, E> {
    /// The caller gets it if no other attempt follows.
    failure: FailedAttempt<R, E>,
    progress: Progress,
    delay: Duration,
    reservation: Option<Reservation>,
}

/// The next step of a future.
pub(super) enum Next<F, S, R: Body, E> {
    Go(State<F, S, R, E>),
    Return(Result<Response<ResponseBody<R>>, E>),
}

/// The next step of the future of a service.
type NextOf<S, B, R> =
    Next<<S as Service<Request<B>>>::Future, S, R, <S as Service<Request<B>>>::Error>;

/// A first frame, or the end of a body.
pub(super) type FirstFrame<R> = Option<Result<Frame<<R as Body>::Data>, <R as Body>::Error>>;

impl<S, B, R> Retrying<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: 'static,
    B: RepeatableBody,
    R: Body,
{
    /// Returns what follows an attempt.
    pub(super) fn judge(&mut self, result: Result<Response<R>, S::Error>) -> NextOf<S, B, R> {
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let finding = find_in_error(&error, self.call.settings.read_error.as_deref());
                return self.fail(FailedAttempt::Error(error), finding);
            }
        };
        match find_in_head(&response) {
            Head::InTrailers if self.call.waits_for_trailers() => {
                let response = Some(response);
                Next::Go(State::Peek { response })
            }
            Head::InTrailers | Head::Found(Finding::Answer) => {
                Next::Return(Ok(response.map(ResponseBody::new)))
            }
            Head::Found(finding) => {
                self.fail(FailedAttempt::of(response.map(ResponseBody::new)), finding)
            }
        }
    }

    /// Returns what follows the first frame of a response. Data is an answer,
    /// and so is an error or an end without a status: the call has come so far
    /// that its caller decides.
    pub(super) fn judge_first(
        &mut self,
        response: Response<R>,
        first: FirstFrame<R>,
    ) -> NextOf<S, B, R> {
        let (head, inner) = response.into_parts();
        let Some(frame) = first else {
            let response = Response::from_parts(head, ResponseBody::default());
            return Next::Return(Ok(response));
        };
        let trailers = frame.as_ref().ok().and_then(Frame::trailers_ref);
        let finding = trailers.map_or(Finding::Answer, find_in_trailers);
        let body = ResponseBody::peeked(Some(frame), inner);
        match finding {
            Finding::Answer => Next::Return(Ok(Response::from_parts(head, body))),
            finding => self.fail(FailedAttempt::of(Response::from_parts(head, body)), finding),
        }
    }

    /// Returns what follows the error of a service that was not ready. A retry
    /// that was about to be sent keeps its place in the budget, because it is
    /// still the same retry.
    pub(super) fn judge_not_ready(
        &mut self,
        error: S::Error,
        waiting: Option<PendingRetry<R, S::Error>>,
    ) -> NextOf<S, B, R> {
        let finding = find_not_sent(&error);
        let failure = FailedAttempt::Error(error);
        let plan = match self.call.plan(finding) {
            Ok(plan) => plan,
            Err(stop) => return self.stop(failure, stop),
        };
        let held = waiting.map(|waiting| (waiting.progress, waiting.reservation));
        let (progress, reservation) = held.unwrap_or((plan.progress, None));
        self.wait(PendingRetry {
            failure,
            progress,
            delay: plan.delay,
            reservation,
        })
    }

    /// Decides about a failure.
    fn fail(&mut self, failure: FailedAttempt<R, S::Error>, finding: Finding) -> NextOf<S, B, R> {
        let plan = match self.call.plan(finding) {
            Ok(plan) => plan,
            Err(stop) => return self.stop(failure, stop),
        };
        let needs_budget = plan.reservation.is_some();
        let waiting = PendingRetry {
            failure,
            progress: plan.progress,
            delay: plan.delay,
            reservation: plan.reservation,
        };
        let asking = needs_budget.then(|| self.call.settings.budget.ask_fleet(self.call.end()));
        match asking.flatten() {
            Some(asking) => Next::Go(State::Asking {
                asking,
                waiting: Some(waiting),
            }),
            None => self.wait(waiting),
        }
    }

    /// Returns what follows the decision of the fleet's budget.
    pub(super) fn answered(
        &mut self,
        answer: FleetAnswer,
        waiting: PendingRetry<R, S::Error>,
    ) -> NextOf<S, B, R> {
        match answer {
            FleetAnswer::Denied => return self.give_up(waiting, Stop::Budget),
            FleetAnswer::Unavailable => self.call.settings.notice(Event::FleetUnavailable),
            FleetAnswer::Admitted => {}
        }
        // The answer may have taken long.
        match self.call.check_deadline(waiting.delay) {
            Ok(()) => self.wait(waiting),
            Err(stop) => self.give_up(waiting, stop),
        }
    }

    /// Waits for the time of the next attempt.
    fn wait(&mut self, waiting: PendingRetry<R, S::Error>) -> NextOf<S, B, R> {
        let failure = waiting.failure.without_body();
        let waiting = PendingRetry { failure, ..waiting };
        if waiting.delay.is_zero() {
            return self.get_ready(waiting);
        }
        Next::Go(State::Waiting {
            delay: sleep(waiting.delay),
            waiting: Some(waiting),
        })
    }

    /// Waits until a service is ready, but not beyond the deadline.
    pub(super) fn get_ready(&mut self, waiting: PendingRetry<R, S::Error>) -> NextOf<S, B, R> {
        Next::Go(State::Readying {
            service: self.service.clone(),
            end: self.call.end().map(sleep_until),
            waiting: Some(waiting),
        })
    }

    /// Sends the next attempt on a ready service.
    pub(super) fn send(
        &mut self,
        service: &mut S,
        waiting: PendingRetry<R, S::Error>,
    ) -> NextOf<S, B, R> {
        if let Err(stop) = self.call.check_deadline(Duration::ZERO) {
            return self.give_up(waiting, stop);
        }
        let Some(req) = self.call.next_request() else {
            return self.give_up(waiting, Stop::Body);
        };
        if !waiting.reservation.is_none_or(Reservation::spend) {
            return self.stop(waiting.failure, Stop::Budget);
        }
        self.call.sent_again();
        let event = Event::Retried(waiting.progress);
        self.call.settings.notice(event);
        let response = nested::within(|| service.call(req));
        Next::Go(State::Attempt { response })
    }

    /// Ends a call whose next attempt cannot be sent.
    pub(super) fn give_up(
        &mut self,
        waiting: PendingRetry<R, S::Error>,
        stop: Stop,
    ) -> NextOf<S, B, R> {
        self.stop(waiting.failure, stop)
    }

    /// Returns a failure to the caller.
    fn stop(&mut self, failure: FailedAttempt<R, S::Error>, stop: Stop) -> NextOf<S, B, R> {
        self.call.settings.notice(Event::Stopped(stop));
        Next::Return(failure.into_result(self.call.is_repeated()))
    }
}
