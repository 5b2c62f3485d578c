//! A request from its beginning to its end, as HTTP has it.

use bytes::Buf;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body::{Body, Frame};

use super::{
    classify::{Classify, Ended},
    guard::Guard,
    outcome::{Cause, Outcome},
    status::{Status, grpc},
    verdict::{refusal_among, refusal_in},
};
use crate::{
    clock::Tick,
    head::{content_length, is_event_stream},
    refusal::{BoxError, Passed, Reason, Refusal},
};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A request of which there is no response yet.
#[derive(Debug)]
pub(super) struct Span<C> {
    pub(super) guard: Guard,
    pub(super) classify: C,
    /// By what a refusal of this very request is known.
    pub(super) passed: Passed,
    /// What the method allows the response to have.
    pub(super) body: Allowed,
}

/// Which responses to a method have a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    Any,
    /// To CONNECT: what is no success.
    Errors,
    /// To HEAD, whatever headers say.
    None,
}

/// A request of which there is a response, but not all of it.
#[derive(Debug)]
pub(super) struct Rest<C> {
    guard: Guard,
    classify: C,
    /// Of gRPC it may be known only at the end.
    status: Option<Status>,
    reason: Option<Reason>,
    /// How many bytes are still to come, where that is known.
    left: Option<u64>,
}

impl<C: Classify> Span<C> {
    /// There is a response; what is still to come of it.
    #[inline]
    pub(super) fn head<B: Body>(mut self, response: &Response<B>) -> Option<Rest<C>> {
        let now = self.guard.head();
        if is_event_stream(response.headers()) {
            self.guard.stream();
        }
        let left = self.length(response);
        let whole = left == Some(0) || self.is_whole(response);
        let refusal = response.extensions().get();
        let rest = Rest {
            status: self.status(response),
            guard: self.guard,
            classify: self.classify,
            reason: refusal.and_then(|it| own_reason(&self.passed, it)),
            left: None,
        };
        if whole {
            rest.end(Some(now));
            return None;
        }
        Some(Rest { left, ..rest }.foreseen())
    }

    fn is_whole<B: Body>(&self, response: &Response<B>) -> bool {
        let status = response.status();
        let bodiless = match self.body {
            Allowed::Any => false,
            Allowed::Errors => status.is_success(),
            Allowed::None => true,
        };
        // What is upgraded (101) is no answer any more.
        bodiless
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || response.body().is_end_stream()
    }

    /// How many bytes a server sends before it asks for no more. Of gRPC the trailers
    /// are still to come then.
    fn length<B: Body>(&self, response: &Response<B>) -> Option<u64> {
        if self.guard.labels().kind().is_grpc() {
            return None;
        }
        let said = content_length(response.headers());
        said.or_else(|| response.body().size_hint().exact())
    }

    /// A gRPC status among the headers counts if nothing follows, or nothing better.
    fn status<B>(&self, response: &Response<B>) -> Option<Status> {
        if !self.guard.labels().kind().is_grpc() {
            return Some(Status::Http(response.status().as_u16()));
        }
        match response.headers().get(&GRPC_STATUS) {
            Some(status) => Some(Status::read_grpc(status.as_bytes())),
            None if response.status() != StatusCode::OK => {
                Some(Status::grpc_for(response.status()))
            }
            None => None,
        }
    }

    /// There is an error instead of a response.
    pub(super) fn fail<E: 'static>(mut self, error: &E) {
        self.guard.settle();
        let ended = Ended::failed(self.guard.labels(), None, Cause::Error);
        let reason = refusal_in(error).and_then(|it| own_reason(&self.passed, it));
        let (outcome, cause) = told(&self.classify, ended.refused(reason));
        self.guard.end(None, outcome, cause);
    }

    pub(super) fn panic(self) {
        self.guard.end(None, Outcome::Panic, Cause::Panic);
    }
}

impl<C: Classify> Rest<C> {
    #[inline]
    fn foreseen(mut self) -> Self {
        let labels = self.guard.labels();
        let ended = self.status.map(|status| Ended::answered(labels, status));
        let told = ended.map(|ended| told(&self.classify, ended.refused(self.reason)));
        if let Some((outcome, cause)) = told.filter(|(outcome, _)| *outcome != Outcome::Ok) {
            self.guard.foresee(self.status, outcome, cause);
        }
        self
    }

    /// This has come. Answers whether nothing more will be asked for: a server
    /// that has sent as much as it said it would asks for no more, and neither does
    /// one that has sent trailers.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers(trailers);
        }
        let data = frame.data_ref().map_or(0, |data| data.remaining() as u64);
        self.left = self.left.map(|left| left.saturating_sub(data));
        frame.is_trailers() || self.left == Some(0)
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers.get(&GRPC_STATUS);
        if let Some(status) = status.filter(|_| self.guard.labels().kind().is_grpc()) {
            self.status = Some(Status::read_grpc(status.as_bytes()));
        }
    }

    /// It has come to its end.
    #[inline]
    pub(super) fn end(self, now: Option<Tick>) {
        let labels = self.guard.labels();
        let ended = match self.status {
            Some(status) => Ended::answered(labels, status),
            // An answer that broke off is no success.
            None => Ended::failed(labels, UNKNOWN, Cause::Truncated),
        };
        let (status, ended) = (ended.status, ended.refused(self.reason));
        let (outcome, cause) = told(&self.classify, ended);
        match now {
            Some(now) => self.guard.end_at(now, status, outcome, cause),
            None => self.guard.end(status, outcome, cause),
        }
    }

    /// Its body failed.
    pub(super) fn fail(self, error: &BoxError) {
        let ended = Ended::failed(self.guard.labels(), self.status, Cause::Body);
        let ended = ended.refused(refusal_among(&**error).map(Refusal::reason));
        let (outcome, cause) = told(&self.classify, ended);
        self.guard.end(self.status, outcome, cause);
    }

    pub(super) fn panic(self) {
        self.guard.end(self.status, Outcome::Panic, Cause::Panic);
    }
}

/// Why this request was refused, unless the refusal is a downstream's that the handler
/// has passed on. A deadline is the request's own in either case, because it goes down
/// with the calls.
#[inline]
fn own_reason(passed: &Passed, refusal: &Refusal) -> Option<Reason> {
    let reason = refusal.reason();
    let is_own = passed.is_refused_by(refusal) != Some(false);
    (is_own || reason == Reason::DeadlineExceeded).then_some(reason)
}

const UNKNOWN: Option<Status> = Some(Status::Grpc(grpc::UNKNOWN));

#[inline]
fn told(classify: &impl Classify, ended: Ended<'_>) -> (Outcome, Cause) {
    (classify.classify(&ended), ended.cause)
}
