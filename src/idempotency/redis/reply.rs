//! What the script answers.

use std::time::Duration;

use ::redis::Value;
use bytes::Bytes;

use crate::{
    idempotency::{
        claim::{Claim, Held},
        record::RecordError,
        store::StoreError,
    },
    redis::Error,
};

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

    pub(super) fn claim(self) -> Result<Claim, StoreError> {
        match (&*self.word, self.value) {
            (b"run", Value::Int(recovered)) => Ok(Claim::Run {
                recovered: recovered == 1,
            }),
            (b"replay", Value::BulkString(record)) => Ok(Claim::Replay(Bytes::from(record))),
            (b"mismatch", _) => Ok(Claim::Mismatch),
            (b"running", Value::Int(left)) => Ok(Claim::Running { left: time(left) }),
            (b"unknown", _) => Ok(Claim::Unknown),
            (word, _) => Err(unexpected(word)),
        }
    }

    pub(super) fn held(self) -> Result<Held, StoreError> {
        match &*self.word {
            b"kept" => Ok(Held::Kept),
            b"lost" => Ok(Held::Lost),
            word => Err(unexpected(word)),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.word == b"settled"
    }

    /// The name of a policy, if the server tells it.
    pub(super) fn policy(self) -> Result<Option<String>, StoreError> {
        match (&*self.word, self.value) {
            (b"policy", Value::BulkString(name)) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                Ok(Some(name).filter(|name| !name.is_empty()))
            }
            (word, _) => Err(unexpected(word)),
        }
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
    Error::reply("not what the script of idempotency records says")
}
