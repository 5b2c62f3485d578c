//! A request until its response begins. The future of the service owns it.

use http::{Response, StatusCode};
use http_body::Body;

use super::{
    classify::{Classify, RequestEnd},
    default_classify::{by_refusal, refusal_in},
    response_span::{ExpectedBytes, ResponseSpan},
};
use crate::{
    content::{BodyAllowed, ContentHeaders, Grpc, is_event_stream_type},
    grpc_web::Reader,
    red::{Cause, Guard, Outcome, Status, status::grpc},
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
        let grpc = self.spoken(&headers);
        let expected = || self.expected(grpc, &headers, response.body());
        let expected = has_body.then(expected).flatten();
        let is_whole =
            !has_body || expected.is_some_and(ExpectedBytes::is_none) || is_end(response);
        let status = self.status(grpc, &headers, response.status());
        self.guard.answer(status);
        let refusal = response.extensions().get();
        let mut span = ResponseSpan {
            is_grpc: grpc.is_some() || self.guard.labels().kind().is_grpc(),
            guard: self.guard,
            classify: self.classify,
            status,
            refused: refusal.and_then(|it| own(&self.passed, it)),
            callers: response.extensions().get().copied(),
            expected,
            web: grpc.and_then(Reader::new).map(Box::new),
        };
        // The server may not poll a body that is empty, so its end would never
        // be seen.
        if is_whole {
            span.end(Some(now));
            return None;
        }
        Some(span.foreseen())
    }

    /// Returns the form of gRPC that the response uses. The server's content
    /// type decides; the caller's claim counts only if the server does not say.
    fn spoken(&self, headers: &ContentHeaders<'_>) -> Option<Grpc> {
        match headers.content_type {
            Some(content_type) => Grpc::of(content_type),
            None => self.grpc.filter(|_| self.guard.labels().kind().is_grpc()),
        }
    }

    /// Returns the bytes that are still to come, if that is known. A plain gRPC
    /// response has trailers after them.
    fn expected(
        &self,
        grpc: Option<Grpc>,
        headers: &ContentHeaders<'_>,
        body: &impl Body,
    ) -> Option<ExpectedBytes> {
        let said = headers.length();
        let is_plain = match grpc {
            Some(form) => form == Grpc::Plain,
            None => self.guard.labels().kind().is_grpc(),
        };
        match is_plain {
            true => said.map(ExpectedBytes::before_trailers),
            false => said
                .or_else(|| body.size_hint().exact())
                .map(ExpectedBytes::all),
        }
    }

    /// Returns the status that the head has. A gRPC status among the headers
    /// counts, because nothing better follows it.
    fn status(
        &self,
        grpc: Option<Grpc>,
        headers: &ContentHeaders<'_>,
        status: StatusCode,
    ) -> Option<Status> {
        let is_call = self.guard.labels().kind().is_grpc();
        let may_say = is_call || grpc.is_some();
        if let Some(said) = headers.grpc_status.filter(|_| may_say) {
            return Some(Status::read_grpc(said.as_bytes()));
        }
        match status {
            http if !is_call => Some(Status::Http(http.as_u16())),
            // Neither side used gRPC here. Connect's unary calls, for example,
            // are plain HTTP.
            StatusCode::OK if self.grpc.is_none() && grpc.is_none() => Some(Status::Grpc(OK)),
            StatusCode::OK => None,
            http => Some(Status::grpc_for(http)),
        }
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
