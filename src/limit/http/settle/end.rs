//! The end of a request, as users see it.

use http::{HeaderMap, StatusCode};

use crate::{
    limit::rules::quota::Cost,
    red::{Cause, Outcome, Status},
};

/// How a request ended. The user's closure decides by it what the request took.
///
/// | the request | [`outcome`](Self::outcome) | [`is_whole`](Self::is_whole) |
/// |---|---|---|
/// | its response was sent to the end | by its status | yes |
/// | a layer further in refused it, such as for overload | `Shed`, `Deadline`, or by its status | yes |
/// | the client hung up during an error response | by its status | no |
/// | the client hung up during another response, or before it | `Cancelled` | no |
/// | its deadline ended it | `Deadline` | no, if that ended the body |
/// | its body failed, is shorter than announced, or lacks its gRPC status | `ServerError` | no |
/// | the service returned an error | `ServerError` | no |
/// | the service panicked | `Panic` | no |
///
/// The outcomes are those of [`red`](crate::red), with the same rules.
#[derive(Debug)]
pub struct End<'a> {
    pub(super) estimate: Cost,
    pub(super) spent: Cost,
    pub(super) bytes: u64,
    pub(super) is_whole: bool,
    pub(super) outcome: Outcome,
    pub(super) cause: Cause,
    pub(super) status: Option<Status>,
    /// `None` if there was no response.
    pub(super) head: Option<(StatusCode, &'a HeaderMap)>,
    pub(super) trailers: Option<&'a HeaderMap>,
}

impl End<'_> {
    /// Returns the cost that was charged when the request came.
    pub fn estimate(&self) -> Cost {
        self.estimate
    }

    /// Returns what the handler has added to [`Spent`](super::Spent).
    pub fn spent(&self) -> Cost {
        self.spent
    }

    /// Returns how many bytes of the body were handed to the server, without
    /// trailers. The client may have received fewer.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether the whole response was handed to the server.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns the outcome as [`red`](crate::red) counts it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns what ended the request, as [`red`](crate::red) counts it.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the status of HTTP or gRPC; `None` if there was no response, or
    /// if a gRPC response ended without a status.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Returns the status of HTTP, also of a gRPC response; `None` if there was
    /// no response.
    pub fn http_status(&self) -> Option<StatusCode> {
        self.head.map(|(status, _)| status)
    }

    /// Returns the headers of the response, if there was one.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.head.map(|(_, headers)| headers)
    }

    /// Returns the trailers of the response, also those in the body of
    /// gRPC-Web; `None` if it has ended without.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers
    }
}
