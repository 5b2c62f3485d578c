//! A response from its head to the end of its body. The counted body owns it.

use bytes::Buf;
use http::HeaderMap;
use http_body::Frame;

use crate::{
    clock::Tick,
    content::GRPC_STATUS,
    deadline::CallerDeadline,
    grpc_web::Reader,
    red::{
        Cause, Guard, Outcome, Status,
        http::{
            classify::{Classify, RequestEnd},
            default_classify::{CALLERS_DEADLINE, by_refusal, refusal_among},
        },
        status::grpc,
    },
    refusal::{BoxError, Reason},
};

/// A request whose response has begun but not ended.
#[derive(Debug)]
pub(crate) struct ResponseSpan<C> {
    /// Counts the end.
    pub(crate) guard: Guard,
    pub(crate) classify: C,
    /// Whether a gRPC status may come at the end.
    pub(crate) is_grpc: bool,
    /// The status so far. A gRPC status may come only with the trailers.
    pub(crate) status: Option<Status>,
    /// The outcome if this crate refused the request.
    pub(crate) refused: Option<(Outcome, Cause)>,
    /// The caller's own deadline, if the request has one: it may end the
    /// response in its trailers.
    pub(crate) callers: Option<CallerDeadline>,
    /// The bytes that the head announced; `None` if it did not say how many.
    pub(crate) expected: Option<ExpectedBytes>,
    /// Finds the trailers in the body of a gRPC-Web response.
    pub(crate) web: Option<Box<Reader>>,
}

/// The bytes of a body that are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedBytes {
    /// How many are left.
    bytes: u64,
    /// Whether the response ends with the last of them, without trailers.
    is_all: bool,
    /// Whether more came than the head announced.
    is_overrun: bool,
}

impl ExpectedBytes {
    /// The response ends after these bytes.
    pub(crate) fn all(bytes: u64) -> Self {
        Self {
            bytes,
            is_all: true,
            is_overrun: false,
        }
    }

    /// Trailers follow after these bytes, and the client wants them, too.
    pub(crate) fn before_trailers(bytes: u64) -> Self {
        Self {
            is_all: false,
            ..Self::all(bytes)
        }
    }

    /// Returns whether the response has ended.
    pub(crate) fn is_none(self) -> bool {
        self.is_all && self.bytes == 0
    }

    /// Subtracts bytes that have come.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.is_overrun |= bytes > self.bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Returns what is wrong if the response ends now (RFC 9112, section 8; RFC
    /// 9113, section 8.1.1).
    pub(crate) fn fault(self) -> Option<Cause> {
        match (self.is_overrun, self.bytes) {
            (true, _) => Some(Cause::Body),
            (false, 0) => None,
            (false, _) => Some(Cause::Truncated),
        }
    }
}

impl<C: Classify> ResponseSpan<C> {
    /// Tells the guard the outcome that the head already has, if that is not
    /// success. A client that drops an error response has not cancelled the
    /// request.
    #[inline]
    pub(crate) fn foreseen(mut self) -> Self {
        let labels = self.guard.labels();
        let ended = self
            .status
            .map(|status| RequestEnd::answered(labels, status));
        let decided = ended.map(|ended| decide(&self.classify, ended.refused(self.refused)));
        if let Some((outcome, cause)) = decided.filter(|(outcome, _)| *outcome != Outcome::Ok) {
            self.guard.foresee(self.status, outcome, cause);
        }
        self
    }

    /// Takes a frame into account. Returns whether it is the last one that the
    /// server will poll for: a server that has sent as many bytes as it
    /// announced polls no more, and neither does one that has sent trailers.
    pub(crate) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers(trailers);
        }
        let has_trailers = frame.data_ref().is_some_and(|data| self.data(data));
        frame.is_trailers() || has_trailers || self.expected.is_some_and(ExpectedBytes::is_none)
    }

    /// Takes data into account. Returns whether it contained the trailers of
    /// gRPC-Web and nothing is left.
    fn data<D: Buf>(&mut self, data: &D) -> bool {
        if let Some(expected) = &mut self.expected {
            expected.take(data.remaining() as u64);
        }
        match &mut self.web {
            Some(web) => {
                web.read(data);
                // An announced length decides: more frames may be on their way
                // until it is reached.
                web.trailers().is_some() && self.expected.is_none()
            }
            None => false,
        }
    }

    /// Reads the gRPC status.
    fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers.get(&GRPC_STATUS);
        if let Some(status) = status.filter(|_| self.is_grpc) {
            let status = Status::read_grpc(status.as_bytes());
            self.status = Some(status);
            self.refused = ended_by_caller(status, self.callers).or(self.refused);
        }
    }

    /// Counts the end of the response. `now` is the time if the caller has read
    /// it.
    #[inline]
    pub(crate) fn end(&mut self, now: Option<Tick>) {
        // The end of the body may be what completes the trailers.
        if let Some(mut web) = self.web.take()
            && let Some(trailers) = web.end()
        {
            self.trailers(trailers);
        }
        let (status, ended) = self.ended();
        let (outcome, cause) = decide(&self.classify, ended.refused(self.refused));
        match now {
            Some(now) => self.guard.end_at(now, status, outcome, cause),
            None => self.guard.end(status, outcome, cause),
        }
    }

    /// Returns the status and the end to classify. A gRPC response without a
    /// status has broken off.
    fn ended(&self) -> (Option<Status>, RequestEnd<'_>) {
        let labels = self.guard.labels();
        let fault = self.expected.and_then(ExpectedBytes::fault);
        let ended = match (self.status, fault) {
            (Some(status), None) => RequestEnd::answered(labels, status),
            (Some(status), Some(fault)) => RequestEnd::failed(labels, Some(status), fault),
            // A gRPC response without a status has broken off: it is not a
            // success.
            (None, _) => RequestEnd::failed(labels, UNKNOWN, Cause::Truncated),
        };
        (ended.status, ended)
    }

    /// Counts a body that failed with this error.
    pub(crate) fn fail(&mut self, error: &BoxError) {
        let ended = RequestEnd::failed(self.guard.labels(), self.status, Cause::Body);
        // Only the layers for deadlines fail a body. Any other refusal came
        // from a downstream whose body the handler passed on.
        let refusal = refusal_among(&**error);
        let refusal = refusal.filter(|it| it.reason() == Reason::DeadlineExceeded);
        let ended = ended.refused(refusal.map(by_refusal));
        let (outcome, cause) = decide(&self.classify, ended);
        self.guard.end(self.status, outcome, cause);
    }

    /// Counts a panic in the body.
    pub(crate) fn panic(mut self) {
        self.guard.end(self.status, Outcome::Panic, Cause::Panic);
    }
}

/// Returns the outcome of a response whose trailers say that the deadline of its
/// caller has passed.
#[inline]
pub(crate) fn ended_by_caller(
    status: Status,
    callers: Option<CallerDeadline>,
) -> Option<(Outcome, Cause)> {
    let is_late = status == Status::Grpc(grpc::DEADLINE_EXCEEDED);
    (is_late && callers.is_some_and(CallerDeadline::has_passed)).then_some(CALLERS_DEADLINE)
}

/// The status of a gRPC response without one.
const UNKNOWN: Option<Status> = Some(Status::Grpc(grpc::UNKNOWN));

/// Returns the outcome that the user's classifier decides, and the cause.
#[inline]
fn decide(classify: &impl Classify, ended: RequestEnd<'_>) -> (Outcome, Cause) {
    (classify.classify(&ended), ended.cause)
}
