//! Reads the replies of `lua/red.lua`.

use std::{iter, vec};

use ::redis::Value;

use crate::{clock::Tick, redis::Error};

/// The server's tick, and the rest of a reply.
pub(crate) struct ScriptReply {
    /// The server's time, or the instant that the call gave.
    pub(crate) now: Tick,
    /// The items after the tick.
    rest: vec::IntoIter<Value>,
}

impl ScriptReply {
    /// Reads the tick that each reply begins with.
    pub(crate) fn read(reply: Value) -> Result<Self, Error> {
        let mut rest = list(reply)?;
        let now = match rest.next() {
            Some(Value::Int(now)) => Tick::try_from(now).map_err(|_| unexpected())?,
            _ => return Err(unexpected()),
        };
        Ok(Self { now, rest })
    }

    /// Reads the reply to a flush: whether it had been counted before.
    pub(crate) fn duplicate(mut self) -> Result<bool, Error> {
        match text(self.rest.next()).as_deref() {
            Some("counted") => Ok(false),
            Some("duplicate") => Ok(true),
            Some("unreadable") => Err(Error::unreadable("an instance's counts")),
            _ => Err(unexpected()),
        }
    }

    /// Returns the lists that follow, one for each instance.
    pub(crate) fn lists(self) -> impl Iterator<Item = Result<vec::IntoIter<Value>, Error>> {
        self.rest.map(list)
    }
}

/// Returns the fields and values of a hash, in either protocol.
pub(crate) fn fields(reply: Value) -> Result<Vec<(Value, Value)>, Error> {
    match reply {
        Value::Map(fields) => Ok(fields),
        reply => {
            let mut values = list(reply)?;
            let field = || Some((values.next()?, values.next()?));
            Ok(iter::from_fn(field).collect())
        }
    }
}

/// Returns the items of an array.
fn list(value: Value) -> Result<vec::IntoIter<Value>, Error> {
    match value {
        Value::Array(values) => Ok(values.into_iter()),
        _ => Err(unexpected()),
    }
}

/// Returns a text; `None` for anything else.
pub(crate) fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::BulkString(bytes)) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Returns the error for a reply of another shape.
fn unexpected() -> Error {
    Error::reply("that of the script of RED metrics")
}
