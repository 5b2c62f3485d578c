//! A response with its permit, until it ends. The body owns it.

use bytes::Buf;
use http_body::Frame;

use super::held_request::dropped;
use crate::{
    concurrency::gate::{Permit, WorkEnd},
    deadline::Deadline,
    red::{Cause, Ended, Outcome, ResponseEnd, Status, grpc},
};

/// A response that has begun, with its permit. Dropped, it gives the permit
/// back.
pub(super) struct HeldResponse {
    /// `None` once it went back.
    permit: Option<Permit>,
    end: ResponseEnd,
    /// The deadline, unless the caller chose it.
    deadline: Option<Deadline>,
}

impl HeldResponse {
    #[inline]
    pub(super) fn new(permit: Permit, end: ResponseEnd, deadline: Option<Deadline>) -> Self {
        Self {
            permit: Some(permit),
            end,
            deadline,
        }
    }

    /// Takes a frame into account. Returns whether the server polls no more
    /// after it.
    #[inline]
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        self.end.frame(frame)
    }

    /// The response has ended, or its permit goes back with its head.
    #[inline]
    pub(super) fn end(&mut self) {
        let ended = self.end.end();
        self.release(ended);
    }

    /// The body failed.
    pub(super) fn fail<E: 'static>(&mut self, error: &E) {
        let ended = self.end.fail(error);
        self.release(ended);
    }

    #[inline]
    fn release(&mut self, ended: Ended) {
        if let Some(permit) = self.permit.take() {
            permit.end(self.work_end(ended));
        }
    }

    /// Returns what the end of the response says about the load of the service.
    fn work_end(&self, (outcome, cause, is_whole): Ended) -> WorkEnd {
        let is_stream = self.end.is_event_stream;
        match (outcome, self.end.status) {
            _ if is_stream || cause == Cause::CallerTimeout => WorkEnd::Ignored,
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
            permit.end(dropped(self.deadline));
        }
    }
}
