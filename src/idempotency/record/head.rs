//! What is in front of a record's body.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize, Serializer};

use super::{
    error::RecordError,
    layout::{Body, Record, Reply},
};

// The order of variants and fields is the layout.
#[derive(Serialize, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    kind: Kind<'a>,
    pub(super) form: Form,
}

#[derive(Serialize, Deserialize)]
enum Kind<'a> {
    #[serde(borrow)]
    Reply(Start<'a>),
    Value,
}

#[derive(Serialize, Deserialize)]
struct Start<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<Line<'a>>,
    #[serde(borrow)]
    trailers: Vec<Line<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    name: &'a str,
    #[serde(serialize_with = "at_once")]
    value: &'a [u8],
}

/// How the body is in the rest.
#[derive(Serialize, Deserialize)]
pub(super) enum Form {
    Plain,
    Omitted,
    /// The length is that of the plain body.
    Lz4 {
        length: u32,
    },
}

impl Form {
    pub(super) fn of(body: &Body) -> Self {
        match body {
            Body::Kept(_) => Self::Plain,
            Body::Omitted => Self::Omitted,
        }
    }
}

impl<'a> Head<'a> {
    pub(super) fn of(record: &'a Record, form: Form) -> Self {
        let kind = match record {
            Record::Reply(reply) => Kind::Reply(Start::of(reply)),
            Record::Value(_) => Kind::Value,
        };
        Self { kind, form }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        // Writing plain data to memory does not fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// The head, and what comes after it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), RecordError> {
        postcard::take_from_bytes(bytes).map_err(|_| RecordError::Malformed)
    }

    pub(super) fn with_body(self, encoded: &Bytes, body: Body) -> Result<Record, RecordError> {
        let start = match self.kind {
            Kind::Value => return Ok(Record::Value(body)),
            Kind::Reply(start) => start,
        };
        let status = StatusCode::from_u16(start.status);
        Ok(Record::Reply(Reply {
            status: status.map_err(|_| RecordError::Malformed)?,
            headers: map(&start.headers, encoded)?,
            body,
            trailers: map(&start.trailers, encoded)?,
        }))
    }
}

impl<'a> Start<'a> {
    fn of(reply: &'a Reply) -> Self {
        Self {
            status: reply.status.as_u16(),
            headers: lines(&reply.headers),
            trailers: lines(&reply.trailers),
        }
    }
}

impl<'a> Line<'a> {
    fn of((name, value): (&'a HeaderName, &'a HeaderValue)) -> Self {
        Self {
            name: name.as_str(),
            value: value.as_bytes(),
        }
    }
}

/// Does not write byte by byte, as slices are written otherwise.
fn at_once<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn lines(headers: &HeaderMap) -> Vec<Line<'_>> {
    headers.iter().map(Line::of).collect()
}

fn map(lines: &[Line<'_>], encoded: &Bytes) -> Result<HeaderMap, RecordError> {
    // There may be more lines than it can have room for beforehand.
    let mut headers = HeaderMap::try_with_capacity(lines.len()).unwrap_or_default();
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(encoded.slice_ref(line.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(RecordError::Malformed);
        };
        let added = headers.try_append(name, value);
        added.map_err(|_| RecordError::Malformed)?;
    }
    Ok(headers)
}
