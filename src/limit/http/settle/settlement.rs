//! A request from its hold to its end, when the hold is settled.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Buf;
use http::{Request, Response};
use http_body::{Body, Frame};
use tower_service::Service;

use super::{actual_cost::ActualCost, end::End, settled_response::SettledResponse, spent::Spent};
use crate::{
    body_end::BodyEnd,
    content::{BodyAllowed, Grpc},
    limit::hold::Hold,
    red::{Cause, Ended, Outcome, on_panic, own_refusal, refusal_in},
    refusal::PassedRequest,
};

/// A held estimate, and what is needed to settle it. Dropped, it settles as for
/// a request that was cancelled.
pub(super) struct Settlement<F: ActualCost> {
    /// `None` once it is settled.
    hold: Option<Hold>,
    actual_cost: Arc<F>,
    spent: Spent,
    /// Tells refusals of this request from those of requests to downstreams.
    passed: PassedRequest,
    /// Whether the request's method allows the response to have a body.
    body: BodyAllowed,
    /// The form of gRPC that the request uses.
    grpc: Option<Grpc>,
    /// `None` until the response begins.
    response: Option<Box<SettledResponse>>,
}

impl<F: ActualCost> Settlement<F> {
    /// Calls the service with a request, whose settlement begins if something
    /// is held. A panic of the call settles it.
    pub(super) fn start<S, B>(
        service: &mut S,
        mut request: Request<B>,
        hold: Option<Hold>,
        actual_cost: &Arc<F>,
    ) -> (S::Future, Option<Self>)
    where
        S: Service<Request<B>>,
    {
        let begin = |hold| Self::begin(hold, actual_cost.clone(), &mut request);
        let mut settlement = hold.map(begin);
        let call = || service.call(request);
        let response = on_panic::run(&mut settlement, Self::panic, call);
        (response, settlement)
    }

    /// Begins with a request whose estimate is held, and leaves its counter
    /// among the extensions.
    fn begin<B>(hold: Hold, actual_cost: Arc<F>, request: &mut Request<B>) -> Self {
        let spent = Spent::default();
        request.extensions_mut().insert(spent.clone());
        Self {
            hold: Some(hold),
            actual_cost,
            spent,
            passed: PassedRequest::noted(request.extensions_mut()),
            body: BodyAllowed::to(request.method()),
            grpc: Grpc::spoken_in(request.headers()),
            response: None,
        }
    }

    /// The response begins. Returns the settlement again unless the head is all
    /// of it.
    pub(super) fn head<B: Body>(mut self, response: &Response<B>) -> Option<Self> {
        let (begun, ends) = SettledResponse::begin(response, self.body, self.grpc, &self.passed);
        self.response = Some(Box::new(begun));
        if ends {
            self.end();
            return None;
        }
        Some(self)
    }

    /// The service returned an error instead of a response.
    pub(super) fn no_response<E: 'static>(mut self, error: &E) {
        let refusal = refusal_in(error);
        let own = refusal.and_then(|refusal| own_refusal(&self.passed, refusal));
        let (outcome, cause) = own.unwrap_or((Outcome::ServerError, Cause::Error));
        self.settle(Some((outcome, cause, false)));
    }

    /// Settles with what the user's closure says. `None` is a request that was
    /// dropped before its response.
    fn settle(&mut self, ended: Option<Ended>) {
        let Some(hold) = self.hold.take() else {
            return;
        };
        let before_head = (Outcome::Cancelled, Cause::DroppedBeforeHead, false);
        let (outcome, cause, is_whole) = ended.unwrap_or(before_head);
        let response = self.response.as_deref();
        let end = End {
            estimate: hold.estimate(),
            spent: self.spent.total(),
            bytes: response.map_or(0, |it| it.bytes),
            is_whole,
            outcome,
            cause,
            status: response.and_then(|it| it.end.status),
            head: response.map(|it| (it.http, &it.headers)),
            trailers: response.and_then(|it| it.trailers.as_ref()),
        };
        // A panic must not leave a destructor. Nothing is half changed by it,
        // and the dropped hold keeps its estimate.
        let actual = || self.actual_cost.actual_cost(&end);
        if let Ok(actual) = catch_unwind(AssertUnwindSafe(actual)) {
            hold.settle(actual);
        }
    }
}

impl<F: ActualCost> BodyEnd for Settlement<F> {
    fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        let response = self.response.as_mut();
        response.is_some_and(|response| response.frame(frame))
    }

    fn end(&mut self) {
        let ended = self.response.as_mut().map(|response| response.end());
        self.settle(ended);
    }

    fn fail<E: 'static>(&mut self, error: &E) {
        let response = self.response.as_ref();
        let ended = response.map(|response| response.end.fail(error));
        self.settle(ended);
    }

    /// The service or its body panicked.
    fn panic(mut self) {
        self.settle(Some((Outcome::Panic, Cause::Panic, false)));
    }
}

impl<F: ActualCost> Drop for Settlement<F> {
    fn drop(&mut self) {
        let ended = self
            .response
            .as_ref()
            .map(|response| response.end.cut_off());
        self.settle(ended);
    }
}
