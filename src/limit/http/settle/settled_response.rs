//! The contents of a response, for the user's closure.

use bytes::Buf;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};

use crate::{
    content::{BodyAllowed, Grpc},
    red::{Ended, ResponseEnd},
    refusal::PassedRequest,
};

/// A response that has begun, and what an [`End`](super::End) shows of it.
pub(super) struct SettledResponse {
    pub(super) http: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) trailers: Option<HeaderMap>,
    /// The bytes of the body so far.
    pub(super) bytes: u64,
    pub(super) end: ResponseEnd,
}

impl SettledResponse {
    /// Reads the head. Returns with it whether the response ends there.
    pub(super) fn begin<B: Body>(
        response: &Response<B>,
        allowed: BodyAllowed,
        asked: Option<Grpc>,
        passed: &PassedRequest,
    ) -> (Self, bool) {
        let (end, ends) = ResponseEnd::begin(response, allowed, asked, passed);
        let begun = Self {
            http: response.status(),
            headers: response.headers().clone(),
            trailers: None,
            bytes: 0,
            end,
        };
        (begun, ends)
    }

    /// Takes a frame into account. Returns whether the server polls no more
    /// after it.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.end.frame(frame)
    }

    /// The body has ended.
    pub(super) fn end(&mut self) -> Ended {
        if let Some(trailers) = self.end.web_trailers() {
            self.trailers = Some(trailers.clone());
        }
        self.end.end()
    }
}
