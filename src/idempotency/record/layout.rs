//! The layout of a record in a store.
//!
//! # Version 1
//!
//! | bytes | content |
//! |---|---|
//! | 4 | `SGIR` |
//! | 1 | the version, 1 |
//! | some | the head, by [postcard](https://postcard.jamesmunns.com/wire-format) |
//! | the rest | the body, plain or as one block of LZ4 |
//!
//! The head begins with 0 for a reply, followed by its status, its headers and
//! its trailers, or with 1 for a value. Headers and trailers are a number of
//! pairs of name and value, and each name and value is a length and its bytes.
//! Then comes 0 for a plain body, 1 for an omitted one, or 2 for a compressed
//! one, followed by its plain length. Numbers and lengths are LEB128 varints.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    content::{Body, Record},
    error::{RecordError, VERSION},
    head::{BodyForm, Head},
    lz4,
};

/// The first bytes of each record: a store may hold values of others.
const MAGIC: &[u8] = b"SGIR";

impl Record {
    /// Encodes the record.
    pub fn encode(&self) -> Bytes {
        let body = self.body();
        self.write(BodyForm::of(body), body.bytes())
    }

    /// Encodes the record, and compresses a body of at least this many bytes,
    /// if that makes it shorter.
    ///
    /// Only programs with the feature `idempotency-compression` can read it:
    /// deploy the feature to all instances before the first one compresses.
    ///
    /// A body of a few hundred bytes is rarely worth it.
    #[cfg(feature = "idempotency-compression")]
    #[cfg_attr(docsrs, doc(cfg(feature = "idempotency-compression")))]
    pub fn encode_compressed(&self, at_least: usize) -> Bytes {
        self.encode_from(Some(at_least))
    }

    /// Encodes the record; `None` compresses nothing.
    pub(crate) fn encode_from(&self, at_least: Option<usize>) -> Bytes {
        let plain = self.body().bytes();
        let long = at_least.is_some_and(|at_least| plain.len() >= at_least);
        match long.then(|| lz4::compress(plain)).flatten() {
            Some((length, packed)) => self.write(BodyForm::Lz4 { length }, &packed),
            None => self.encode(),
        }
    }

    /// Decodes an [encoded](Self::encode) record. A body that is not compressed
    /// is a slice of the given bytes, and is not copied.
    ///
    /// # Errors
    ///
    /// If the bytes are not a record, or it cannot be read here. It never
    /// panics.
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

    /// Puts the parts together.
    fn write(&self, form: BodyForm, body: &[u8]) -> Bytes {
        let head = Head::of(self, form).write();
        // Exact, because a store keeps unused room, too.
        let length = MAGIC.len() + 1 + head.len() + body.len();
        let mut encoded = BytesMut::with_capacity(length);
        encoded.put_slice(MAGIC);
        encoded.put_u8(VERSION);
        encoded.put_slice(&head);
        encoded.put_slice(body);
        encoded.freeze()
    }

    /// Reads the parts behind the version.
    fn read(encoded: &Bytes, rest: &[u8]) -> Result<Self, RecordError> {
        let (head, body) = Head::read(rest)?;
        let body = match head.form {
            BodyForm::Plain => Body::Kept(encoded.slice_ref(body)),
            BodyForm::Omitted if body.is_empty() => Body::Omitted,
            BodyForm::Omitted => return Err(RecordError::Malformed),
            BodyForm::Lz4 { length } => Body::Kept(lz4::decompress(body, length)?),
        };
        head.with_body(encoded, body)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
