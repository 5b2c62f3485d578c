//! A request that waits for its handler. The future keeps it, and makes the
//! response from it.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode, response::Parts};
use http_body::Body;
use tokio::time::Instant;

use super::{
    body::{BodyDeadline, ExpiringBody, ResponseBody, ScopedBody},
    caller_deadline::CallerDeadline,
    request_scope::RequestScope,
    request_stub::RequestStub,
    settings::EnforceSettings,
};
use crate::{
    content::content_length,
    deadline::{
        Coverage, Deadline,
        coverage::Extent,
        observe::{Event, Stage},
    },
    refusal::{Refusal, Refuse, is_grpc, request_stub},
};

/// A request whose handler has not answered yet.
///
/// Dropped in this state, its scope fires the cancellation: the client is gone.
pub(super) struct PendingRequest<A> {
    pub(super) scope: RequestScope,
    pub(super) settings: Arc<EnforceSettings>,
    /// Refuses the request if the handler is late.
    pub(super) answer: A,
    pub(super) request: RequestStub,
}

impl<A> PendingRequest<A> {
    /// Returns whether a response that comes now is late. One that comes
    /// exactly at the deadline is in time.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        let is_over = |until: Deadline| until.instant() < Instant::now();
        self.until().is_some_and(is_over)
    }

    /// Returns the deadline of the response; `None` if it counts however late
    /// it is.
    #[inline]
    fn until(&self) -> Option<Deadline> {
        let counts = !self.request.is_over_budget;
        self.scope.until().filter(|_| counts)
    }

    /// Returns whether a result ends the request, and leaves nothing to bound
    /// or to tell. The client is not gone then.
    #[inline]
    pub(super) fn is_ended_by<B: Body, E>(&mut self, result: &Result<Response<B>, E>) -> bool {
        let ends = match result {
            // An error is a result, too.
            Err(_) => true,
            // A task that has the signal learns how far the deadline counts.
            Ok(_) if self.request.is_callers || self.scope.has_signal() => false,
            Ok(response) => self.is_whole(response.status(), response.body()),
        };
        if ends {
            self.scope.done();
        }
        ends
    }

    /// Returns whether the head is the whole response, so that its body needs
    /// no timer.
    #[inline]
    fn is_whole(&self, status: StatusCode, body: &impl Body) -> bool {
        !self.request.body.has_body(status) || body.is_end_stream()
    }

    /// Passes on a response that came in time, and bounds its body as far as the
    /// deadline covers it.
    pub(super) fn with_body<B>(mut self, response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: Body + Send + 'static,
    {
        let (mut head, body) = response.into_parts();
        let until = self.until();
        if self.request.is_callers {
            self.attribute_to_caller(&mut head);
        }
        let extent = self.extent(&head);
        // The head was in time, and the deadline covers no more than that.
        if extent != Extent::Whole {
            self.scope.lift();
        }
        let version = self.request.version;
        let body = if self.is_whole(head.status, &body) {
            self.scope.done();
            ResponseBody::free(body, version)
        } else {
            let is_callers = self.request.is_callers;
            let deadline = until.and_then(|until| BodyDeadline::of(extent, until, is_callers));
            let is_sized = is_sized(&head.headers, &body);
            self.timed(body, deadline, is_sized)
        };
        Response::from_parts(head, body)
    }

    /// Notes that the caller chose the deadline: in the refusal of a layer
    /// further in, and for the trailers of gRPC.
    #[cold]
    fn attribute_to_caller(&self, head: &mut Parts) {
        if let Some(refusal) = head.extensions.get_mut::<Refusal>() {
            *refusal = refusal.clone().by_caller(true);
        }
        let is_grpc = self.request.content_type.as_ref().is_some_and(is_grpc);
        if let Some(until) = self.until().filter(|_| is_grpc) {
            head.extensions.insert(CallerDeadline(until));
        }
    }

    /// Returns how much of the response with this head the deadline bounds.
    fn extent(&self, head: &Parts) -> Extent {
        match self.request.body.opens_tunnel(head.status) {
            true => Extent::Head,
            false => Coverage::chosen(&self.settings.covers, head),
        }
    }

    /// Returns a body that runs in the scope of the request, until its deadline
    /// if it has one.
    fn timed<B>(self, body: B, deadline: Option<BodyDeadline>, is_sized: bool) -> ResponseBody<B>
    where
        B: Body + Send + 'static,
    {
        let version = self.request.version;
        let scope = self.scope;
        let body = ScopedBody { body, scope };
        let Some(deadline) = deadline else {
            return ResponseBody::untimed(body, version);
        };
        let content_type = self.request.content_type;
        let body = ExpiringBody::new(body, self.settings, content_type, deadline, is_sized);
        ResponseBody::expiring(body, version)
    }

    /// Refuses the request because its handler is late.
    pub(super) fn late<B, E>(self) -> Result<Response<B>, E>
    where
        A: Refuse<Request<()>, Response<B>, E>,
    {
        self.settings.notice(Event::Exceeded(Stage::Handler));
        let request = request_stub(self.request.content_type);
        let refusal = Refusal::deadline_exceeded();
        let refusal = refusal.by_caller(self.request.is_callers);
        self.answer.refuse(refusal, &request)
    }
}

/// Returns whether the client is told how long the body is.
fn is_sized(head: &HeaderMap, body: &impl Body) -> bool {
    body.size_hint().exact().is_some() || content_length(head).is_some()
}
