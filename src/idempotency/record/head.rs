//! The head of an encoded record: everything before the body.
//!
//! It borrows from the record when it is written, and from the encoded bytes
//! when it is read, so no header is copied.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize, Serializer};

use super::{
    content::{Body, Record, Reply},
    error::RecordError,
};

/// The head. The order of variants and fields, here and below, is the layout.
#[derive(Serialize, Deserialize)]
pub(super) struct Head<'a> {
    /// The kind of record, with all of it but the body.
    #[serde(borrow)]
    kind: RecordKind<'a>,
    /// How the body behind it is encoded.
    pub(super) form: BodyForm,
}

/// The kinds of records.
#[derive(Serialize, Deserialize)]
enum RecordKind<'a> {
    #[serde(borrow)]
    Reply(ReplyHead<'a>),
    Value,
}

/// A response without its body.
#[derive(Serialize, Deserialize)]
struct ReplyHead<'a> {
    /// The status code.
    status: u16,
    /// The headers, a field for each value.
    #[serde(borrow)]
    headers: Vec<HeaderField<'a>>,
    /// The trailers, likewise.
    #[serde(borrow)]
    trailers: Vec<HeaderField<'a>>,
}

/// A header with one of its values.
#[derive(Serialize, Deserialize)]
struct HeaderField<'a> {
    /// The name, in lower case.
    name: &'a str,
    /// The value, which need not be text.
    #[serde(serialize_with = "serialize_whole")]
    value: &'a [u8],
}

/// The form of the body behind the head.
#[derive(Serialize, Deserialize)]
pub(super) enum BodyForm {
    Plain,
    Omitted,
    Lz4 {
        /// The bytes of the plain body.
        length: u32,
    },
}

impl BodyForm {
    /// Returns the form of a body that is not compressed.
    pub(super) fn of(body: &Body) -> Self {
        match body {
            Body::Kept(_) => Self::Plain,
            Body::Omitted => Self::Omitted,
        }
    }
}

impl<'a> Head<'a> {
    /// Returns the head of a record.
    pub(super) fn of(record: &'a Record, form: BodyForm) -> Self {
        let kind = match record {
            Record::Reply(reply) => RecordKind::Reply(ReplyHead::of(reply)),
            Record::Value(_) => RecordKind::Value,
        };
        Self { kind, form }
    }

    /// Encodes the head.
    pub(super) fn write(&self) -> Vec<u8> {
        // Serializing plain data to memory cannot fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// Returns the head, and the bytes behind it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), RecordError> {
        postcard::take_from_bytes(bytes).map_err(|_| RecordError::Malformed)
    }

    /// Adds the body to the head of a record.
    pub(super) fn with_body(self, encoded: &Bytes, body: Body) -> Result<Record, RecordError> {
        let start = match self.kind {
            RecordKind::Value => return Ok(Record::Value(body)),
            RecordKind::Reply(start) => start,
        };
        let status = StatusCode::from_u16(start.status);
        Ok(Record::Reply(Reply {
            status: status.map_err(|_| RecordError::Malformed)?,
            headers: header_map(&start.headers, encoded)?,
            body,
            trailers: header_map(&start.trailers, encoded)?,
        }))
    }
}

impl<'a> ReplyHead<'a> {
    /// Returns all of a response but its body.
    fn of(reply: &'a Reply) -> Self {
        Self {
            status: reply.status.as_u16(),
            headers: fields(&reply.headers),
            trailers: fields(&reply.trailers),
        }
    }
}

impl<'a> HeaderField<'a> {
    /// Returns the field of one value.
    fn of((name, value): (&'a HeaderName, &'a HeaderValue)) -> Self {
        Self {
            name: name.as_str(),
            value: value.as_bytes(),
        }
    }
}

/// Writes a slice as a whole. By default, serde writes it byte by byte.
fn serialize_whole<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Returns the fields of a header map.
fn fields(headers: &HeaderMap) -> Vec<HeaderField<'_>> {
    headers.iter().map(HeaderField::of).collect()
}

/// Rebuilds a header map, whose values are slices of `encoded`.
fn header_map(fields: &[HeaderField<'_>], encoded: &Bytes) -> Result<HeaderMap, RecordError> {
    // A forged number of fields may exceed the largest capacity.
    let mut headers = HeaderMap::try_with_capacity(fields.len()).unwrap_or_default();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(encoded.slice_ref(field.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(RecordError::Malformed);
        };
        let added = headers.try_append(name, value);
        added.map_err(|_| RecordError::Malformed)?;
    }
    Ok(headers)
}
