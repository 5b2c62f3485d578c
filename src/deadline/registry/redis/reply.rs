//! Reads the replies of the script of deadlines.

use std::{sync::Arc, time::Duration, vec};

use ::redis::Value;

use crate::{
    deadline::registry::remaining::Remaining,
    redis::{Error, ErrorKind},
};

/// The server's tick of a reply, and the states that are still to be read.
pub(super) struct RegistryReply {
    pub(super) now: u64,
    rest: vec::IntoIter<Value>,
}

impl RegistryReply {
    /// Reads the tick. Each call of [`next`](Self::next) reads two more values.
    pub(super) fn read(reply: Value) -> Result<Self, Error> {
        let Value::Array(values) = reply else {
            return Err(unexpected());
        };
        let mut rest = values.into_iter();
        let now = number(rest.next())?;
        Ok(Self { now, rest })
    }

    /// Returns the state of the next deadline.
    pub(super) fn next(&mut self) -> Result<Remaining, Error> {
        let word = text(self.rest.next())?;
        let value = self.rest.next();
        match &*word {
            "left" => Ok(Remaining::Left(Duration::from_micros(number(value)?))),
            "expired" => Ok(Remaining::Expired),
            "cancelled" => Ok(Remaining::Cancelled(text(value)?)),
            "unknown" => Ok(Remaining::Unknown),
            "unreadable" => Err(Error::unreadable("a deadline")),
            _ => Err(unexpected()),
        }
    }

    /// Returns the same, with a record that cannot be read as unknown, so that
    /// it does not keep other holders from learning.
    pub(super) fn next_readable(&mut self) -> Result<Remaining, Error> {
        match self.next() {
            Err(error) if error.kind() == ErrorKind::Unreadable => Ok(Remaining::Unknown),
            remaining => remaining,
        }
    }
}

fn number(value: Option<Value>) -> Result<u64, Error> {
    match value {
        Some(Value::Int(number)) => u64::try_from(number).map_err(|_| unexpected()),
        _ => Err(unexpected()),
    }
}

fn text(value: Option<Value>) -> Result<Arc<str>, Error> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(String::from_utf8_lossy(&bytes).into()),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Error {
    Error::reply("that of the script of deadlines")
}
