//! A response with its permit, until it ends. The body owns it.

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame};

use super::{
    held_request::{LearnedRequest, dropped},
    response_kind::ResponseKind,
};
use crate::{
    body_end::BodyEnd,
    concurrency::gate::{Permit, WorkEnd},
    content::BodyAllowed,
    deadline::Deadline,
    red::{Cause, Ended, Outcome, ResponseEnd, Status, grpc},
    refusal::PassedRequest,
};

/// A response that has begun, with its permit. Dropped, it gives the permit
/// back.
pub(super) struct HeldResponse {
    permit: Permit,
    /// The bytes that are still to come; [`UNKNOWN`] if the body does not tell.
    /// Not used if the end is judged.
    left: u64,
    /// `None` if the limiter does not learn from the end, which saves most of
    /// the work, and once it was judged.
    judged: Option<JudgedResponse>,
}

/// More bytes than any body has.
const UNKNOWN: u64 = u64::MAX;

/// A response whose end tells an adaptive limit how loaded the service is.
pub(super) struct JudgedResponse {
    end: ResponseEnd,
    kind: ResponseKind,
    /// The deadline, unless the caller chose it.
    deadline: Option<Deadline>,
}

impl HeldResponse {
    /// Takes the permit over for the rest of a response with this body.
    #[inline]
    pub(super) fn new(permit: Permit, body: &impl Body, judged: Option<JudgedResponse>) -> Self {
        Self {
            permit,
            left: body.size_hint().exact().unwrap_or(UNKNOWN),
            judged,
        }
    }

    #[inline]
    fn judge(&mut self, judge: impl FnOnce(&mut JudgedResponse) -> WorkEnd) {
        if let Some(judged) = &mut self.judged {
            self.permit.ends_as(judge(judged));
        }
        self.judged = None;
    }
}

impl BodyEnd for HeldResponse {
    #[inline]
    fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(judged) = &mut self.judged {
            return judged.frame(frame);
        }
        let Some(data) = frame.data_ref() else {
            return frame.is_trailers();
        };
        if self.left != UNKNOWN {
            self.left = self.left.saturating_sub(data.remaining() as u64);
        }
        self.left == 0
    }

    #[inline]
    fn end(&mut self) {
        self.judge(JudgedResponse::end);
    }

    fn fail<E: 'static>(&mut self, error: &E) {
        self.judge(|judged| judged.work_end(judged.end.fail(error)));
    }

    /// A panic says nothing about the load.
    #[cold]
    fn panic(mut self) {
        self.judge(|_| WorkEnd::Ignored);
    }
}

impl JudgedResponse {
    /// Reads the head. Returns with it whether the response ends there.
    #[inline]
    pub(super) fn begin<B: Body>(
        response: &Response<B>,
        allowed: BodyAllowed,
        request: LearnedRequest,
    ) -> (Self, bool) {
        let LearnedRequest { deadline, grpc } = request;
        // Whose refusal a layer further in has answered with does not matter
        // here: its status says what it says about the load.
        let passed = PassedRequest::default();
        let (end, ends) = ResponseEnd::begin(response, allowed, grpc, &passed);
        let judged = Self {
            kind: ResponseKind::of(response, &end, grpc),
            end,
            deadline,
        };
        (judged, ends)
    }

    /// The response has ended. Returns what that says about the load.
    #[inline]
    pub(super) fn end(&mut self) -> WorkEnd {
        let ended = self.end.end();
        self.work_end(ended)
    }

    #[inline]
    fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(data) = frame.data_ref() {
            self.kind.data(data);
        }
        self.end.frame(frame)
    }

    /// The rest was dropped. A deadline that ends a stream is not an overload.
    fn dropped(&self) -> WorkEnd {
        match self.kind.is_stream() {
            true => WorkEnd::Ignored,
            false => dropped(self.deadline),
        }
    }

    /// Returns what the end of the response says about the load of the service.
    fn work_end(&self, (outcome, cause, is_whole): Ended) -> WorkEnd {
        match (outcome, self.end.status) {
            _ if self.kind.is_stream() || cause == Cause::CallerTimeout => WorkEnd::Ignored,
            (Outcome::Deadline | Outcome::Shed, _) => WorkEnd::Overloaded,
            (_, Some(Status::Http(503 | 504) | Status::Grpc(grpc::UNAVAILABLE))) => {
                WorkEnd::Overloaded
            }
            (Outcome::Ok, _) => WorkEnd::Whole,
            (Outcome::ServerError, _) if is_whole => WorkEnd::Whole,
            (Outcome::Cancelled, _) => WorkEnd::Ignored,
            _ => WorkEnd::Failed,
        }
    }
}

/// The rest of the body was dropped, unless the end was judged.
impl Drop for HeldResponse {
    #[inline]
    fn drop(&mut self) {
        self.judge(|judged| judged.dropped());
    }
}
