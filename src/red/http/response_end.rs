//! A response from its head to its end: what it carried, and how it ended.

use bytes::Buf;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};

use crate::{
    content::{BodyAllowed, ContentHeaders, GRPC_STATUS, Grpc},
    deadline::CallerDeadline,
    grpc_web::Reader,
    red::{
        Cause, ExpectedBytes, GrpcForm, Kind, Outcome, Status, by_refusal, by_status,
        ended_by_caller, own_refusal, refusal_in,
    },
    refusal::{PassedRequest, Reason, Refusal},
};

/// A response that has begun.
pub(super) struct ResponseEnd {
    pub(super) http: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) trailers: Option<HeaderMap>,
    /// The bytes of the body so far.
    pub(super) bytes: u64,
    /// The status so far. That of gRPC may come only with the trailers.
    pub(super) status: Option<Status>,
    /// Of the request.
    kind: Kind,
    /// Whether a gRPC status may come at the end.
    is_grpc: bool,
    /// The outcome if a layer further in refused the request.
    refused: Option<(Outcome, Cause)>,
    /// The bytes that are still to come; `None` if the head does not tell.
    expected: Option<ExpectedBytes>,
    /// The caller's own deadline, if the request has one.
    callers: Option<CallerDeadline>,
    /// Finds the trailers in the body of a gRPC-Web response.
    web: Option<Box<Reader>>,
}

/// The outcome of a response, its cause, and whether it was whole.
pub(super) type Ended = (Outcome, Cause, bool);

impl ResponseEnd {
    /// Reads the head. Returns with it whether the response ends there.
    pub(super) fn begin<B: Body>(
        response: &Response<B>,
        allowed: BodyAllowed,
        asked: Option<Grpc>,
        passed: &PassedRequest,
    ) -> (Self, bool) {
        let (http, headers) = (response.status(), ContentHeaders::of(response.headers()));
        let is_call = asked.is_some();
        let form = GrpcForm::of(is_call, asked, &headers);
        let refusal: Option<&Refusal> = response.extensions().get();
        let has_body = allowed.has_body(http);
        let expected = || form.expected(&headers, response.body());
        let expected = has_body.then(expected).flatten();
        let ends = !has_body
            || expected.is_some_and(ExpectedBytes::is_none)
            || response.body().is_end_stream();
        let begun = Self {
            http,
            headers: response.headers().clone(),
            trailers: None,
            bytes: 0,
            status: form.status(&headers, http),
            kind: match is_call {
                true => Kind::GrpcServer,
                false => Kind::HttpServer,
            },
            is_grpc: form.may_say(),
            refused: refusal.and_then(|refusal| own_refusal(passed, refusal)),
            expected,
            callers: response.extensions().get().copied(),
            web: form.reader(),
        };
        (begun, ends)
    }

    /// Takes a frame into account. Returns whether the server polls no more
    /// after it: it has the announced bytes, or the trailers.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.read_trailers(trailers.clone());
            return true;
        }
        let Some(data) = frame.data_ref() else {
            return false;
        };
        let bytes = data.remaining() as u64;
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(expected) = &mut self.expected {
            expected.take(bytes);
        }
        let has_trailers = self.web.as_mut().is_some_and(|web| {
            web.read(data);
            web.trailers().is_some()
        });
        match self.expected {
            Some(expected) => expected.is_none(),
            None => has_trailers,
        }
    }

    fn read_trailers(&mut self, trailers: HeaderMap) {
        let status = trailers.get(&GRPC_STATUS).filter(|_| self.is_grpc);
        if let Some(status) = status {
            let status = Status::read_grpc(status.as_bytes());
            self.status = Some(status);
            self.refused = ended_by_caller(status, self.callers).or(self.refused);
        }
        self.trailers = Some(trailers);
    }

    /// The body has ended.
    pub(super) fn end(&mut self) -> Ended {
        // The end of the body may be what completes the trailers.
        if let Some(mut web) = self.web.take()
            && let Some(trailers) = web.end()
        {
            self.read_trailers(trailers.clone());
        }
        let fault = self.expected.and_then(ExpectedBytes::fault);
        match (self.refused, self.status, fault) {
            (Some((outcome, cause)), ..) => (outcome, cause, fault.is_none()),
            // A gRPC response without a status has broken off.
            (None, None, _) => (Outcome::ServerError, Cause::Truncated, false),
            (None, Some(_), Some(fault)) => (Outcome::ServerError, fault, false),
            (None, Some(status), None) => (by_status(self.kind, status), Cause::Status, true),
        }
    }

    /// The body failed. Of this crate only the layers for deadlines fail a
    /// body; any other refusal came from a downstream.
    pub(super) fn fail<E: 'static>(&self, error: &E) -> Ended {
        let refusal = refusal_in(error);
        let deadline = refusal.filter(|it| it.reason() == Reason::DeadlineExceeded);
        let (outcome, cause) = deadline.map_or((Outcome::ServerError, Cause::Body), by_refusal);
        (outcome, cause, false)
    }

    /// The rest was dropped. A client that drops an error response has not
    /// cancelled the request.
    pub(super) fn cut_off(&self) -> Ended {
        let by_head = self.status.map(|status| by_status(self.kind, status));
        let by_head = by_head.map(|outcome| (outcome, Cause::Status));
        let by_head = self.refused.or(by_head);
        let by_head = by_head.filter(|(outcome, _)| *outcome != Outcome::Ok);
        let (outcome, cause) = by_head.unwrap_or((Outcome::Cancelled, Cause::DroppedInBody));
        (outcome, cause, false)
    }
}
