//! What the script answers.

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

/// What becomes of a claim.
pub(super) enum Claimed {
    Here(Claim),
    /// It was done, and its record is too large to come with the answer.
    Large(Large),
}

/// A record that is still to be fetched.
#[derive(Clone, Copy)]
pub(super) struct Large {
    /// In bytes.
    pub(super) size: usize,
    /// Of the run that completed it: no other record has it.
    pub(super) token: Token,
}

/// A word, and what it is about.
pub(super) struct Reply {
    word: Vec<u8>,
    value: Value,
}

impl Reply {
    pub(super) fn read(reply: Value) -> Result<Self, Error> {
        let Value::Array(values) = reply else {
            return Err(nonsense());
        };
        match <[Value; 2]>::try_from(values) {
            Ok([Value::BulkString(word), value]) => Ok(Self { word, value }),
            _ => Err(nonsense()),
        }
    }

    pub(super) fn claim(self) -> Result<Claimed, StoreError> {
        if &*self.word == b"large" {
            let large = large(self.value).ok_or_else(nonsense)?;
            return Ok(Claimed::Large(large));
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
        claim.map(Claimed::Here)
    }

    /// A record that was fetched; `None` if it is not there any more.
    pub(super) fn fetched(self) -> Result<Option<Bytes>, StoreError> {
        match (&*self.word, self.value) {
            (b"replay", Value::BulkString(record)) => Ok(Some(Bytes::from(record))),
            (b"gone", _) => Ok(None),
            (word, _) => Err(unexpected(word)),
        }
    }

    pub(super) fn held(self) -> Result<LeaseStatus, StoreError> {
        match &*self.word {
            b"kept" => Ok(LeaseStatus::Held),
            b"lost" => Ok(LeaseStatus::Lost),
            word => Err(unexpected(word)),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.word == b"settled"
    }
}

fn large(value: Value) -> Option<Large> {
    let Value::Array(parts) = value else {
        return None;
    };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::Int(size), Value::BulkString(token)]) => Some(Large {
            size: usize::try_from(size).ok()?,
            token: Token::from_bytes(token.try_into().ok()?),
        }),
        _ => None,
    }
}

fn time(ticks: i64) -> Duration {
    Duration::from_micros(u64::try_from(ticks).unwrap_or(0))
}

fn unexpected(word: &[u8]) -> StoreError {
    match word {
        b"foreign" => RecordError::Foreign.into(),
        _ => nonsense().into(),
    }
}

fn nonsense() -> Error {
    Error::reply("that of the script of idempotency records")
}
