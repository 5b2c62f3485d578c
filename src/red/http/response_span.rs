//! A response from its head to its end. The body of a counted response asks it.

use bytes::Buf;
use http::HeaderMap;
use http_body::Frame;

use super::{
    classify::{Classify, RequestEnd},
    default_classify::{CALLERS_DEADLINE, by_refusal, refusal_among},
    span::GRPC_STATUS,
};
use crate::red::{
    outcome::{Cause, Outcome},
    registry::guard::Guard,
    status::{Status, grpc},
};
use crate::{
    clock::Tick,
    deadline::CallerDeadline,
    grpc_web::Reader,
    refusal::{BoxError, Reason},
};

/// A request of which there is a response, but not all of it.
#[derive(Debug)]
pub(crate) struct ResponseSpan<C> {
    pub(crate) guard: Guard,
    pub(crate) classify: C,
    /// Whether a status of gRPC may come at the end.
    pub(crate) is_grpc: bool,
    /// Of gRPC it may be known only at the end.
    pub(crate) status: Option<Status>,
    /// What this crate refused it as.
    pub(crate) refused: Option<(Outcome, Cause)>,
    /// The deadline that ends it, if that is the caller's, and told in trailers.
    pub(crate) callers: Option<CallerDeadline>,
    /// `None` if nothing says how long the body is.
    pub(crate) expected: Option<ExpectedBytes>,
    /// Where the trailers are in the body.
    pub(crate) web: Option<Box<Reader>>,
}

/// How many bytes of a body are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedBytes {
    bytes: u64,
    /// Whether the last of them is the end.
    is_all: bool,
    /// Whether more came than the head says.
    is_overrun: bool,
}

impl ExpectedBytes {
    pub(crate) fn all(bytes: u64) -> Self {
        Self {
            bytes,
            is_all: true,
            is_overrun: false,
        }
    }

    /// What comes after them is for the client too.
    pub(crate) fn before_trailers(bytes: u64) -> Self {
        Self {
            is_all: false,
            ..Self::all(bytes)
        }
    }

    /// Whether there is nothing to come.
    pub(crate) fn is_none(self) -> bool {
        self.is_all && self.bytes == 0
    }

    fn take(&mut self, bytes: u64) {
        self.is_overrun |= bytes > self.bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// What is wrong if this is the end (RFC 9112, section 8; RFC 9113, section
    /// 8.1.1).
    fn fault(self) -> Option<Cause> {
        match (self.is_overrun, self.bytes) {
            (true, _) => Some(Cause::Body),
            (false, 0) => None,
            (false, _) => Some(Cause::Truncated),
        }
    }
}

impl<C: Classify> ResponseSpan<C> {
    #[inline]
    pub(crate) fn foreseen(mut self) -> Self {
        let labels = self.guard.labels();
        let ended = self
            .status
            .map(|status| RequestEnd::answered(labels, status));
        let told = ended.map(|ended| told(&self.classify, ended.refused(self.refused)));
        if let Some((outcome, cause)) = told.filter(|(outcome, _)| *outcome != Outcome::Ok) {
            self.guard.foresee(self.status, outcome, cause);
        }
        self
    }

    /// This has come. Answers whether nothing more will be asked for: a server
    /// that has sent as much as it said it would asks for no more, and neither does
    /// one that has sent trailers.
    pub(crate) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers(trailers);
        }
        let has_trailers = frame.data_ref().is_some_and(|data| self.data(data));
        frame.is_trailers() || has_trailers || self.expected.is_some_and(ExpectedBytes::is_none)
    }

    /// Returns whether these were the last: trailers of gRPC-Web.
    fn data<D: Buf>(&mut self, data: &D) -> bool {
        if let Some(expected) = &mut self.expected {
            expected.take(data.remaining() as u64);
        }
        match &mut self.web {
            Some(web) => {
                web.read(data);
                // What the head says of the length is true only at the end.
                web.trailers().is_some() && self.expected.is_none()
            }
            None => false,
        }
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers.get(&GRPC_STATUS);
        if let Some(status) = status.filter(|_| self.is_grpc) {
            let status = Status::read_grpc(status.as_bytes());
            self.status = Some(status);
            let is_late = status == Status::Grpc(grpc::DEADLINE_EXCEEDED);
            if is_late && self.callers.is_some_and(CallerDeadline::has_passed) {
                self.refused = Some(CALLERS_DEADLINE);
            }
        }
    }

    /// It has come to its end.
    #[inline]
    pub(crate) fn end(mut self, now: Option<Tick>) {
        if let Some(mut web) = self.web.take()
            && let Some(trailers) = web.end()
        {
            self.trailers(trailers);
        }
        let (status, ended) = self.ended();
        let (outcome, cause) = told(&self.classify, ended.refused(self.refused));
        match now {
            Some(now) => self.guard.end_at(now, status, outcome, cause),
            None => self.guard.end(status, outcome, cause),
        }
    }

    fn ended(&self) -> (Option<Status>, RequestEnd<'_>) {
        let labels = self.guard.labels();
        let fault = self.expected.and_then(ExpectedBytes::fault);
        let ended = match (self.status, fault) {
            (Some(status), None) => RequestEnd::answered(labels, status),
            (Some(status), Some(fault)) => RequestEnd::failed(labels, Some(status), fault),
            // An answer that broke off is no success.
            (None, _) => RequestEnd::failed(labels, UNKNOWN, Cause::Truncated),
        };
        (ended.status, ended)
    }

    /// Its body failed.
    pub(crate) fn fail(self, error: &BoxError) {
        let ended = RequestEnd::failed(self.guard.labels(), self.status, Cause::Body);
        // Of this crate's layers, only those that keep deadlines fail a body: any other
        // refusal is a downstream's, whose body the handler has passed on.
        let refusal = refusal_among(&**error);
        let refusal = refusal.filter(|it| it.reason() == Reason::DeadlineExceeded);
        let ended = ended.refused(refusal.map(by_refusal));
        let (outcome, cause) = told(&self.classify, ended);
        self.guard.end(self.status, outcome, cause);
    }

    pub(crate) fn panic(self) {
        self.guard.end(self.status, Outcome::Panic, Cause::Panic);
    }
}

const UNKNOWN: Option<Status> = Some(Status::Grpc(grpc::UNKNOWN));

#[inline]
fn told(classify: &impl Classify, ended: RequestEnd<'_>) -> (Outcome, Cause) {
    (classify.classify(&ended), ended.cause)
}
