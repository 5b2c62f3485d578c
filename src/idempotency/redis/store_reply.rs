//! The replies of the script.
//!
//! A word that a task cannot return is an error of the kind `Reply`, except
//! `foreign`, which any task may return for a key of another layout.

use std::time::Duration;

use ::redis::Value;
use bytes::Bytes;

use crate::{
    idempotency::{
        claim::{Claim, LeaseStatus},
        record::RecordError,
        store::StoreError,
        token::Token,
    },
    redis::Error,
};

/// The reply to a claim.
pub(super) enum ClaimReply {
    /// All of the answer.
    Claim(Claim),
    /// The work is completed, and its record is too large for this reply.
    Large(LargeRecord),
}

/// A record that has to be fetched by another call.
#[derive(Clone, Copy)]
pub(super) struct LargeRecord {
    /// The bytes of the encoded record.
    pub(super) bytes: usize,
    /// The token under which it was completed; no other record has it.
    pub(super) token: Token,
}

/// A word and a value, as `lua/idempotency.lua` describes them.
pub(super) struct StoreReply {
    /// The decision of the script.
    word: Vec<u8>,
    /// The number, record or pair that belongs to the word.
    value: Value,
}

impl StoreReply {
    /// Reads the pair that every task returns.
    pub(super) fn read(reply: Value) -> Result<Self, Error> {
        let Value::Array(values) = reply else {
            return Err(unexpected_form());
        };
        match <[Value; 2]>::try_from(values) {
            Ok([Value::BulkString(word), value]) => Ok(Self { word, value }),
            _ => Err(unexpected_form()),
        }
    }

    /// Reads the reply to `claim`.
    pub(super) fn claim(self) -> Result<ClaimReply, StoreError> {
        if &*self.word == b"large" {
            let large = large(self.value).ok_or_else(unexpected_form)?;
            return Ok(ClaimReply::Large(large));
        }
        let claim = match (&*self.word, self.value) {
            (b"run", Value::Int(attempt)) => Ok(Claim::Run {
                attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            }),
            (b"replay", Value::BulkString(record)) => Ok(Claim::Replay(Bytes::from(record))),
            (b"mismatch", _) => Ok(Claim::Mismatch),
            (b"running", Value::Int(left)) => Ok(Claim::Running { left: time(left) }),
            (b"unknown", _) => Ok(Claim::Unknown),
            (word, _) => Err(unexpected(word)),
        };
        claim.map(ClaimReply::Claim)
    }

    /// Reads the reply to `fetch`; `None` if the record has expired meanwhile.
    pub(super) fn fetched(self) -> Result<Option<Bytes>, StoreError> {
        match (&*self.word, self.value) {
            (b"replay", Value::BulkString(record)) => Ok(Some(Bytes::from(record))),
            (b"gone", _) => Ok(None),
            (word, _) => Err(unexpected(word)),
        }
    }

    /// Reads the reply to all tasks that need the lease.
    pub(super) fn lease_status(self) -> Result<LeaseStatus, StoreError> {
        match &*self.word {
            b"held" => Ok(LeaseStatus::Held),
            b"lost" => Ok(LeaseStatus::Lost),
            word => Err(unexpected(word)),
        }
    }

    /// Reads the reply to `wait`.
    pub(super) fn is_settled(&self) -> bool {
        self.word == b"settled"
    }
}

/// Reads the size and the token of a large record.
fn large(value: Value) -> Option<LargeRecord> {
    let Value::Array(parts) = value else {
        return None;
    };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::Int(size), Value::BulkString(token)]) => Some(LargeRecord {
            bytes: usize::try_from(size).ok()?,
            token: Token::from_bytes(token.try_into().ok()?),
        }),
        _ => None,
    }
}

/// Reads the ticks that are left of a lease.
fn time(ticks: i64) -> Duration {
    // A clock that stepped back may make it negative.
    Duration::from_micros(u64::try_from(ticks).unwrap_or(0))
}

/// Returns the error for a word that the task cannot return, except `foreign`.
fn unexpected(word: &[u8]) -> StoreError {
    match word {
        b"foreign" => RecordError::Foreign.into(),
        _ => unexpected_form().into(),
    }
}

/// Returns the error for a reply that is not from this script.
fn unexpected_form() -> Error {
    Error::reply("that of the script of idempotency records")
}
