//! The head of an encoded record: everything before the body.

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
    #[serde(borrow)]
    kind: RecordKind<'a>,
    pub(super) form: BodyForm,
}

#[derive(Serialize, Deserialize)]
enum RecordKind<'a> {
    #[serde(borrow)]
    Reply(ReplyHead<'a>),
    Value,
}

#[derive(Serialize, Deserialize)]
struct ReplyHead<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<HeaderField<'a>>,
    #[serde(borrow)]
    trailers: Vec<HeaderField<'a>>,
}

#[derive(Serialize, Deserialize)]
struct HeaderField<'a> {
    name: &'a str,
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
    pub(super) fn of(body: &Body) -> Self {
        match body {
            Body::Kept(_) => Self::Plain,
            Body::Omitted => Self::Omitted,
        }
    }
}

impl<'a> Head<'a> {
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
    fn of(reply: &'a Reply) -> Self {
        Self {
            status: reply.status.as_u16(),
            headers: fields(&reply.headers),
            trailers: fields(&reply.trailers),
        }
    }
}

impl<'a> HeaderField<'a> {
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
