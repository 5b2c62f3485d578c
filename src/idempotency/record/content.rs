//! The content of a record, as users see it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// The outcome of completed work, which duplicates get.
///
/// A store keeps it as bytes, whose layout has a version. A record of another
/// version is an error, and is never interpreted.
///
/// ```
/// use sluicegate::idempotency::{Body, Record};
///
/// let record = Record::Value(Body::Kept("42".into()));
/// assert_eq!(Record::decode(&record.encode())?, record);
/// # Ok::<(), sluicegate::idempotency::RecordError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// An HTTP response. That of gRPC has its status in the trailers.
    Reply(Reply),
    /// A value that [`Runner`](crate::idempotency::Runner) has serialized.
    Value(Body),
}

/// A stored response.
///
/// ```
/// use http::StatusCode;
/// use sluicegate::idempotency::{Body, Reply};
///
/// let mut reply = Reply::new(StatusCode::CREATED);
/// reply.body = Body::Kept("{\"id\":17}".into());
/// assert!(reply.headers.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers, with all values of each in their order.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// The trailers; empty if there were none.
    pub trailers: HeaderMap,
}

impl Reply {
    /// Creates a response with this status, and without headers, body and
    /// trailers.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Kept(Bytes::new()),
            trailers: HeaderMap::new(),
        }
    }
}

/// The body of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Kept(Bytes),
    /// Nothing: it was too large, might never have ended, could not be
    /// serialized, or was not to be kept. The work was done and is not done
    /// again, but its outcome cannot be repeated.
    Omitted,
}

impl Record {
    /// Returns the record with its body [omitted](Body::Omitted).
    ///
    /// ```
    /// use sluicegate::idempotency::{Body, Record};
    ///
    /// let record = Record::Value(Body::Kept("a large value".into()));
    /// assert_eq!(record.without_body(), Record::Value(Body::Omitted));
    /// ```
    pub fn without_body(self) -> Self {
        let body = Body::Omitted;
        match self {
            Self::Reply(reply) => Self::Reply(Reply { body, ..reply }),
            Self::Value(_) => Self::Value(body),
        }
    }

    /// Returns the body of either kind.
    pub(super) fn body(&self) -> &Body {
        match self {
            Self::Reply(reply) => &reply.body,
            Self::Value(body) => body,
        }
    }
}

impl Body {
    /// Returns the bytes of the body; empty if it is omitted.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::Omitted => &[],
        }
    }
}
