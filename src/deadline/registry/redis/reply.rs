//! What the script answers.

use std::{sync::Arc, time::Duration, vec};

use ::redis::Value;

use crate::{deadline::registry::remaining::Remaining, redis::Error};

/// The tick of the answer, and what is still to be read of it.
pub(super) struct Reply {
    pub(super) now: u64,
    rest: vec::IntoIter<Value>,
}

impl Reply {
    pub(super) fn read(reply: Value) -> Result<Self, Error> {
        let Value::Array(values) = reply else {
            return Err(nonsense());
        };
        let mut rest = values.into_iter();
        let now = number(rest.next())?;
        Ok(Self { now, rest })
    }

    /// How the next deadline stands.
    pub(super) fn next(&mut self) -> Result<Remaining, Error> {
        let word = text(self.rest.next())?;
        let value = self.rest.next();
        match &*word {
            "left" => Ok(Remaining::Left(Duration::from_micros(number(value)?))),
            "expired" => Ok(Remaining::Expired),
            "cancelled" => Ok(Remaining::Cancelled(text(value)?)),
            "unknown" => Ok(Remaining::Unknown),
            "unreadable" => Err(Error::unreadable("a deadline")),
            _ => Err(nonsense()),
        }
    }
}

fn number(value: Option<Value>) -> Result<u64, Error> {
    match value {
        Some(Value::Int(number)) => u64::try_from(number).map_err(|_| nonsense()),
        _ => Err(nonsense()),
    }
}

fn text(value: Option<Value>) -> Result<Arc<str>, Error> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(String::from_utf8_lossy(&bytes).into()),
        _ => Err(nonsense()),
    }
}

fn nonsense() -> Error {
    Error::reply("that of the script of deadlines")
}
