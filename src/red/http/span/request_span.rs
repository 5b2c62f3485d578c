//! A request until its response begins. The future of the service owns it.

use http::{Response, StatusCode};
use http_body::Body;

use super::response_span::{ExpectedBytes, ResponseSpan};
use crate::{
    content::{BodyAllowed, ContentHeaders, Grpc, is_event_stream_type},
    grpc_web::Reader,
    red::{
        Cause, Guard, Outcome, Status,
        http::{
            classify::{Classify, RequestEnd},
            default_classify::{by_refusal, refusal_in},
        },
        status::grpc,
    },
    refusal::{PassedRequest, Reason, Refusal},
};

/// A request that has no response yet.
#[derive(Debug)]
pub(crate) struct RequestSpan<C> {
    /// Counts the end, also if the future is dropped.
    pub(crate) guard: Guard,
    pub(crate) classify: C,
    /// Tells refusals of this request from those of requests to downstreams.
    pub(crate) passed: PassedRequest,
    /// Whether the request's method allows the response to have a body.
    pub(crate) body: BodyAllowed,
    /// The form of gRPC that the request uses.
    pub(crate) grpc: Option<Grpc>,
}

impl<C: Classify> RequestSpan<C> {
    /// Counts the head of the response. Returns the rest of the response, or
    /// `None` if the head is all of it and the request has ended.
    #[inline]
    pub(crate) fn head<B: Body>(mut self, response: &Response<B>) -> Option<ResponseSpan<C>> {
        // First, so that reading the headers is not part of the duration.
        let now = self.guard.head();
        let headers = ContentHeaders::of(response.headers());
        if headers.content_type.is_some_and(is_event_stream_type) {
            self.guard.stream();
        }
        let has_body = self.body.has_body(response.status());
        let is_call = self.guard.labels().kind().is_grpc();
        let form = GrpcForm::of(is_call, self.grpc, &headers);
        let expected = || form.expected(&headers, response.body());
        let expected = has_body.then(expected).flatten();
        let is_whole =
            !has_body || expected.is_some_and(ExpectedBytes::is_none) || is_end(response);
        let status = form.status(&headers, response.status());
        self.guard.answer(status);
        let refusal = response.extensions().get();
        let mut span = ResponseSpan {
            is_grpc: form.may_say(),
            guard: self.guard,
            classify: self.classify,
            status,
            refused: refusal.and_then(|it| own(&self.passed, it)),
            callers: response.extensions().get().copied(),
            expected,
            web: form.reader(),
        };
        // The server may not poll a body that is empty, so its end would never
        // be seen.
        if is_whole {
            span.end(Some(now));
            return None;
        }
        Some(span.foreseen())
    }

    /// Counts an error instead of a response.
    pub(crate) fn fail<E: 'static>(mut self, error: &E) {
        self.guard.settle();
        let ended = RequestEnd::failed(self.guard.labels(), None, Cause::Error);
        let refusal = refusal_in(error);
        // A client has no handler that could pass on a downstream's refusal.
        let refused = match self.guard.labels().kind().is_client() {
            true => refusal.map(by_refusal),
            false => refusal.and_then(|it| own(&self.passed, it)),
        };
        let ended = ended.refused(refused);
        let (outcome, cause) = (self.classify.classify(&ended), ended.cause);
        self.guard.end(None, outcome, cause);
    }

    /// Counts a panic of the service.
    pub(crate) fn panic(mut self) {
        self.guard.end(None, Outcome::Panic, Cause::Panic);
    }
}

/// Which forms of gRPC a request and its response use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrpcForm {
    /// Whether the request counts as a call of gRPC.
    is_call: bool,
    asked: Option<Grpc>,
    spoken: Option<Grpc>,
}

impl GrpcForm {
    /// The server's content type decides; the caller's claim counts only if the
    /// server does not say.
    #[inline]
    pub(crate) fn of(is_call: bool, asked: Option<Grpc>, headers: &ContentHeaders<'_>) -> Self {
        let spoken = match headers.content_type {
            Some(content_type) => Grpc::of(content_type),
            None => asked.filter(|_| is_call),
        };
        Self {
            is_call,
            asked,
            spoken,
        }
    }

    /// Returns whether the response may have a gRPC status.
    #[inline]
    pub(crate) fn may_say(self) -> bool {
        self.is_call || self.spoken.is_some()
    }

    /// Returns the reader of the trailers in the body of a gRPC-Web response.
    #[inline]
    pub(crate) fn reader(self) -> Option<Box<Reader>> {
        self.spoken.and_then(Reader::new).map(Box::new)
    }

    /// Returns the bytes that are still to come, if that is known. A plain gRPC
    /// response has trailers after them.
    #[inline]
    pub(crate) fn expected(
        self,
        headers: &ContentHeaders<'_>,
        body: &impl Body,
    ) -> Option<ExpectedBytes> {
        let said = headers.length();
        let is_plain = self.spoken.map_or(self.is_call, |form| form == Grpc::Plain);
        match is_plain {
            true => said.map(ExpectedBytes::before_trailers),
            false => said
                .or_else(|| body.size_hint().exact())
                .map(ExpectedBytes::all),
        }
    }

    /// Returns the status that the head has. A gRPC status among the headers
    /// counts, because nothing better follows it.
    #[inline]
    pub(crate) fn status(self, headers: &ContentHeaders<'_>, status: StatusCode) -> Option<Status> {
        if let Some(said) = headers.grpc_status.filter(|_| self.may_say()) {
            return Some(Status::read_grpc(said.as_bytes()));
        }
        match status {
            http if !self.is_call => Some(Status::Http(http.as_u16())),
            // Neither side used gRPC here. Connect's unary calls, for example,
            // are plain HTTP.
            StatusCode::OK if self.asked.is_none() && self.spoken.is_none() => {
                Some(Status::Grpc(OK))
            }
            StatusCode::OK => None,
            http => Some(Status::grpc_for(http)),
        }
    }
}

/// Returns the outcome if the refusal answers this very request.
///
/// A refusal that the handler got from a downstream and passed on does not
/// count. A deadline always counts, because the calls of a request inherit it.
#[inline]
pub(crate) fn own(passed: &PassedRequest, refusal: &Refusal) -> Option<(Outcome, Cause)> {
    let is_own = refusal.answers(passed) == Some(true);
    let is_own = is_own || refusal.reason() == Reason::DeadlineExceeded;
    is_own.then(|| by_refusal(refusal))
}

/// Returns whether the body says that nothing will come.
fn is_end<B: Body>(response: &Response<B>) -> bool {
    response.body().is_end_stream()
}

const OK: u8 = grpc::OK;
