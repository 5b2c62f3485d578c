//! A response with its permit, until it ends. The body owns it.

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame};

use super::{
    held_request::{LearnedRequest, dropped},
    response_kind::ResponseKind,
};
use crate::{
    concurrency::gate::{Permit, WorkEnd},
    content::BodyAllowed,
    deadline::Deadline,
    red::{Cause, Ended, Outcome, ResponseEnd, Status, grpc},
    refusal::PassedRequest,
};

/// A response that has begun, with its permit. Dropped, it gives the permit
/// back.
pub(super) struct HeldResponse {
    /// `None` once it went back.
    permit: Option<Permit>,
    /// The bytes that are still to come, if the body tells. Not used if the end
    /// is judged.
    left: Option<u64>,
    /// `None` if the limiter does not learn from the end, which saves most of
    /// the work.
    judged: Option<JudgedResponse>,
}

/// A response whose end tells an adaptive limit how loaded the service is.
struct JudgedResponse {
    end: ResponseEnd,
    kind: ResponseKind,
    /// The deadline, unless the caller chose it.
    deadline: Option<Deadline>,
}

impl HeldResponse {
    /// Reads the head. Returns with it whether the response ends there.
    #[inline]
    pub(super) fn begin<B: Body>(
        permit: Permit,
        response: &Response<B>,
        allowed: BodyAllowed,
        request: Option<LearnedRequest>,
    ) -> (Self, bool) {
        let begun = |left, judged| Self {
            permit: Some(permit),
            left,
            judged,
        };
        let Some(LearnedRequest { deadline, grpc }) = request else {
            let body = response.body();
            let ends = !allowed.has_body(response.status()) || body.is_end_stream();
            return (begun(body.size_hint().exact(), None), ends);
        };
        // Whose refusal a layer further in has answered with does not matter
        // here: its status says what it says about the load.
        let passed = PassedRequest::default();
        let (end, ends) = ResponseEnd::begin(response, allowed, grpc, &passed);
        let judged = JudgedResponse {
            kind: ResponseKind::of(response, &end, grpc),
            end,
            deadline,
        };
        (begun(None, Some(judged)), ends)
    }

    /// Takes a frame into account. Returns whether the server polls no more
    /// after it.
    #[inline]
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(judged) = &mut self.judged {
            return judged.frame(frame);
        }
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left.saturating_sub(data.remaining() as u64);
        }
        frame.is_trailers() || self.left == Some(0)
    }

    /// The response has ended, or its permit goes back with its head.
    #[inline]
    pub(super) fn end(&mut self) {
        self.release(|judged| {
            let ended = judged.end.end();
            judged.work_end(ended)
        });
    }

    /// The body failed.
    pub(super) fn fail<E: 'static>(&mut self, error: &E) {
        self.release(|judged| judged.work_end(judged.end.fail(error)));
    }

    #[inline]
    fn release(&mut self, judge: impl FnOnce(&mut JudgedResponse) -> WorkEnd) {
        if let Some(permit) = self.permit.take() {
            permit.end(self.judged.as_mut().map_or(WorkEnd::Ignored, judge));
        }
    }
}

impl JudgedResponse {
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

/// The rest of the body was dropped.
impl Drop for HeldResponse {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            let judged = self.judged.as_ref();
            permit.end(judged.map_or(WorkEnd::Ignored, JudgedResponse::dropped));
        }
    }
}
