//! A response from its head to its end, without a series to count it in. The
//! layers of `limit` and `concurrency` learn from it how a request ended.

use bytes::Buf;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};

use super::{
    request_span::{GrpcForm, own},
    response_span::{ExpectedBytes, ended_by_caller},
};
use crate::{
    content::{BodyAllowed, ContentHeaders, GRPC_STATUS, Grpc, is_event_stream_type},
    deadline::CallerDeadline,
    grpc_web::Reader,
    red::{
        Cause, Kind, Outcome, Status,
        http::default_classify::{by_refusal, by_status, refusal_in},
    },
    refusal::{PassedRequest, Reason, Refusal},
};

/// A response that has begun.
#[derive(Debug)]
pub(crate) struct ResponseEnd {
    /// The status so far. That of gRPC may come only with the trailers.
    pub(crate) status: Option<Status>,
    /// Whether the body is server-sent events.
    pub(crate) is_event_stream: bool,
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
pub(crate) type Ended = (Outcome, Cause, bool);

impl ResponseEnd {
    /// Reads the head. Returns with it whether the response ends there.
    #[inline]
    pub(crate) fn begin<B: Body>(
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
            status: form.status(&headers, http),
            is_event_stream: headers.content_type.is_some_and(is_event_stream_type),
            kind: match is_call {
                true => Kind::GrpcServer,
                false => Kind::HttpServer,
            },
            is_grpc: form.may_say(),
            refused: refusal.and_then(|refusal| own(passed, refusal)),
            expected,
            callers: response.extensions().get().copied(),
            web: form.reader(),
        };
        (begun, ends)
    }

    /// Takes a frame into account. Returns whether the server polls no more
    /// after it: it has the announced bytes, or the trailers.
    pub(crate) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.read_trailers(trailers);
            return true;
        }
        let Some(data) = frame.data_ref() else {
            return false;
        };
        if let Some(expected) = &mut self.expected {
            expected.take(data.remaining() as u64);
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

    fn read_trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers.get(&GRPC_STATUS).filter(|_| self.is_grpc);
        if let Some(status) = status {
            let status = Status::read_grpc(status.as_bytes());
            self.status = Some(status);
            self.refused = ended_by_caller(status, self.callers).or(self.refused);
        }
    }

    /// Returns the trailers in the body of a gRPC-Web response that has ended.
    pub(crate) fn web_trailers(&mut self) -> Option<&HeaderMap> {
        self.web.as_mut()?.end()
    }

    /// The body has ended.
    pub(crate) fn end(&mut self) -> Ended {
        // The end of the body may be what completes the trailers.
        if let Some(mut web) = self.web.take()
            && let Some(trailers) = web.end()
        {
            self.read_trailers(trailers);
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
    pub(crate) fn fail<E: 'static>(&self, error: &E) -> Ended {
        let refusal = refusal_in(error);
        let deadline = refusal.filter(|it| it.reason() == Reason::DeadlineExceeded);
        let (outcome, cause) = deadline.map_or((Outcome::ServerError, Cause::Body), by_refusal);
        (outcome, cause, false)
    }

    /// The rest was dropped. A client that drops an error response has not
    /// cancelled the request.
    pub(crate) fn cut_off(&self) -> Ended {
        let by_head = self.status.map(|status| by_status(self.kind, status));
        let by_head = by_head.map(|outcome| (outcome, Cause::Status));
        let by_head = self.refused.or(by_head);
        let by_head = by_head.filter(|(outcome, _)| *outcome != Outcome::Ok);
        let (outcome, cause) = by_head.unwrap_or((Outcome::Cancelled, Cause::DroppedInBody));
        (outcome, cause, false)
    }
}
