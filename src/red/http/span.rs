//! A request until its response, as HTTP has it.

use http::{HeaderName, Response, StatusCode};
use http_body::Body;

use super::{
    classify::{Classify, RequestEnd},
    default_classify::{by_refusal, refusal_in},
    response_span::{ExpectedBytes, ResponseSpan},
};
use crate::red::{
    outcome::{Cause, Outcome},
    registry::guard::Guard,
    status::{Status, grpc},
};
use crate::{
    content::{Allowed, Grpc, content_length, is_event_stream},
    grpc_web::Reader,
    refusal::{PassedRequest, Reason, Refusal},
};

pub(crate) static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A request of which there is no response yet.
#[derive(Debug)]
pub(crate) struct RequestSpan<C> {
    pub(crate) guard: Guard,
    pub(crate) classify: C,
    /// By what a refusal of this very request is known.
    pub(crate) passed: PassedRequest,
    /// What the method allows the response to have.
    pub(crate) body: Allowed,
    /// How the request speaks gRPC.
    pub(crate) grpc: Option<Grpc>,
}

impl<C: Classify> RequestSpan<C> {
    /// There is a response; what is still to come of it.
    #[inline]
    pub(crate) fn head<B: Body>(mut self, response: &Response<B>) -> Option<ResponseSpan<C>> {
        let now = self.guard.head();
        if is_event_stream(response.headers()) {
            self.guard.stream();
        }
        let has_body = self.body.has_body(response.status());
        let grpc = self.spoken(response);
        let expected = has_body.then(|| self.expected(grpc, response)).flatten();
        let is_whole =
            !has_body || expected.is_some_and(ExpectedBytes::is_none) || is_end(response);
        let status = self.status(grpc, response);
        self.guard.answer(status);
        let refusal = response.extensions().get();
        let span = ResponseSpan {
            is_grpc: grpc.is_some() || self.guard.labels().kind().is_grpc(),
            guard: self.guard,
            classify: self.classify,
            status,
            refused: refusal.and_then(|it| own(&self.passed, it)),
            callers: response.extensions().get().copied(),
            expected,
            web: grpc.and_then(Reader::new).map(Box::new),
        };
        if is_whole {
            span.end(Some(now));
            return None;
        }
        Some(span.foreseen())
    }

    /// Returns how the response speaks gRPC, as the server says it: a caller may say
    /// anything, and is believed only where the server says nothing.
    fn spoken<B>(&self, response: &Response<B>) -> Option<Grpc> {
        let headers = response.headers();
        let is_silent = !headers.contains_key(http::header::CONTENT_TYPE);
        let asked = self.grpc.filter(|_| is_silent);
        let asked = asked.filter(|_| self.guard.labels().kind().is_grpc());
        Grpc::spoken_in(headers).or(asked)
    }

    /// How many bytes there are to come. A server that has sent as many asks for no
    /// more, unless trailers are still to come.
    fn expected<B: Body>(
        &self,
        grpc: Option<Grpc>,
        response: &Response<B>,
    ) -> Option<ExpectedBytes> {
        let said = content_length(response.headers());
        let is_plain = match grpc {
            Some(form) => form == Grpc::Plain,
            None => self.guard.labels().kind().is_grpc(),
        };
        match is_plain {
            true => said.map(ExpectedBytes::before_trailers),
            false => said
                .or_else(|| response.body().size_hint().exact())
                .map(ExpectedBytes::all),
        }
    }

    /// A gRPC status among the headers counts if nothing follows, or nothing better.
    fn status<B>(&self, grpc: Option<Grpc>, response: &Response<B>) -> Option<Status> {
        let is_call = self.guard.labels().kind().is_grpc();
        let may_say = is_call || grpc.is_some();
        let said = response.headers().get(&GRPC_STATUS).filter(|_| may_say);
        if let Some(said) = said {
            return Some(Status::read_grpc(said.as_bytes()));
        }
        match response.status() {
            http if !is_call => Some(Status::Http(http.as_u16())),
            // Neither side spoke gRPC: that of Connect, for example, is plain HTTP.
            StatusCode::OK if self.grpc.is_none() && grpc.is_none() => Some(Status::Grpc(OK)),
            StatusCode::OK => None,
            http => Some(Status::grpc_for(http)),
        }
    }

    /// There is an error instead of a response.
    pub(crate) fn fail<E: 'static>(mut self, error: &E) {
        self.guard.settle();
        let ended = RequestEnd::failed(self.guard.labels(), None, Cause::Error);
        let refusal = refusal_in(error);
        // A call has no handler that could pass on what it got elsewhere.
        let refused = match self.guard.labels().kind().is_client() {
            true => refusal.map(by_refusal),
            false => refusal.and_then(|it| own(&self.passed, it)),
        };
        let ended = ended.refused(refused);
        let (outcome, cause) = (self.classify.classify(&ended), ended.cause);
        self.guard.end(None, outcome, cause);
    }

    pub(crate) fn panic(self) {
        self.guard.end(None, Outcome::Panic, Cause::Panic);
    }
}

/// What this request was refused as, unless the refusal is a downstream's that the handler
/// has passed on, or does not know its request. A deadline is the request's own in
/// either case, because it goes down with the calls.
#[inline]
fn own(passed: &PassedRequest, refusal: &Refusal) -> Option<(Outcome, Cause)> {
    let is_own = passed.is_refused_by(refusal) == Some(true);
    let is_own = is_own || refusal.reason() == Reason::DeadlineExceeded;
    is_own.then(|| by_refusal(refusal))
}

fn is_end<B: Body>(response: &Response<B>) -> bool {
    response.body().is_end_stream()
}

const OK: u8 = grpc::OK;
