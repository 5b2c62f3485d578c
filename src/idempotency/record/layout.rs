//! What is kept of work that was done.
//!
//! # The layout, version 1
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `SGIR` |
//! | 1 | the version, 1 |
//! | some | the head, by [postcard](https://postcard.jamesmunns.com/wire-format) |
//! | the rest | the body, plain or as one block of LZ4 |
//!
//! The head is, in this order: 0 for a [`Reply`], followed by its status, its
//! headers and its trailers (each a number of pairs of name and value, which are
//! a length and so many bytes), or 1 for a value; then 0 for a plain body, 1 for
//! an omitted one, 2 for a compressed one, followed by its length when it is not.
//! Numbers and lengths are LEB128 varints.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::head::{Form, Head};
use super::{error::RecordError, lz4};

const MAGIC: &[u8] = b"SGIR";
pub(super) const VERSION: u8 = 1;

/// What is kept of work that was done, and given to those who ask for it again.
///
/// In a store it is bytes, whose layout has a version: what another version wrote
/// is refused, never guessed at.
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
    /// An answer of HTTP; of gRPC too, which has its status in the trailers.
    Reply(Reply),
    /// A value that [`Runner`](crate::idempotency::Runner) made bytes of.
    Value(Body),
}

/// A response that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, with all the values of each in their order.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
    /// Its trailers; empty if there were none.
    pub trailers: HeaderMap,
}

impl Reply {
    /// A response with this status, without headers, body and trailers.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Kept(Bytes::new()),
            trailers: HeaderMap::new(),
        }
    }
}

/// What is kept of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Kept(Bytes),
    /// Nothing, for it was too large: the work was done, is not done again, and
    /// what came of it cannot be told again.
    Omitted,
}

impl Record {
    /// The record as bytes.
    pub fn encode(&self) -> Bytes {
        let body = self.body();
        self.write(Form::of(body), body.bytes())
    }

    /// The same, with a body of at least so many bytes compressed, if that makes
    /// it shorter.
    ///
    /// Only who has the feature `idempotency-compression` can read it: see that
    /// all instances do before one of them writes so.
    #[cfg(feature = "idempotency-compression")]
    #[cfg_attr(docsrs, doc(cfg(feature = "idempotency-compression")))]
    pub fn encode_compressed(&self, at_least: usize) -> Bytes {
        self.encode_from(Some(at_least))
    }

    /// The same, or not compressed without a length.
    pub(crate) fn encode_from(&self, at_least: Option<usize>) -> Bytes {
        let plain = self.body().bytes();
        let long = at_least.is_some_and(|at_least| plain.len() >= at_least);
        match long.then(|| lz4::compress(plain)).flatten() {
            Some((length, packed)) => self.write(Form::Lz4 { length }, &packed),
            None => self.encode(),
        }
    }

    /// Reads what was [encoded](Self::encode). A body that is not compressed is
    /// not copied, but a part of the bytes given.
    ///
    /// # Errors
    ///
    /// When it is no record, or one that cannot be read here; never a panic.
    pub fn decode(encoded: &Bytes) -> Result<Self, RecordError> {
        let (version, rest) = encoded
            .strip_prefix(MAGIC)
            .and_then(<[u8]>::split_first)
            .ok_or(RecordError::Foreign)?;
        match *version {
            VERSION => Self::read(encoded, rest),
            version => Err(RecordError::Version(version)),
        }
    }

    /// The same with its body [omitted](Body::Omitted).
    pub fn without_body(self) -> Self {
        let body = Body::Omitted;
        match self {
            Self::Reply(reply) => Self::Reply(Reply { body, ..reply }),
            Self::Value(_) => Self::Value(body),
        }
    }

    fn body(&self) -> &Body {
        match self {
            Self::Reply(reply) => &reply.body,
            Self::Value(body) => body,
        }
    }

    fn write(&self, form: Form, body: &[u8]) -> Bytes {
        let head = Head::of(self, form).write();
        // Exact, for a store keeps the room that is left over too.
        let length = MAGIC.len() + 1 + head.len() + body.len();
        let mut encoded = BytesMut::with_capacity(length);
        encoded.put_slice(MAGIC);
        encoded.put_u8(VERSION);
        encoded.put_slice(&head);
        encoded.put_slice(body);
        encoded.freeze()
    }

    fn read(encoded: &Bytes, rest: &[u8]) -> Result<Self, RecordError> {
        let (head, body) = Head::read(rest)?;
        let body = match head.form {
            Form::Plain => Body::Kept(encoded.slice_ref(body)),
            Form::Omitted if body.is_empty() => Body::Omitted,
            Form::Omitted => return Err(RecordError::Malformed),
            Form::Lz4 { length } => Body::Kept(lz4::decompress(body, length)?),
        };
        head.with_body(encoded, body)
    }
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::Omitted => &[],
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
