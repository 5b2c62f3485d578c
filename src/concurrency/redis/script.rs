//! The call of `lua/permits.lua`, and its reply.

use std::sync::LazyLock;

use ::redis::{Cmd, Value};

use crate::{
    clock::Tick,
    redis::{Error, Script},
};

/// The numbers of a reply about one key.
const REPLY_NUMBERS: usize = 6;

/// Writes each lease into a list, in scripts of builds for tests.
#[cfg(any(test, feature = "testing"))]
macro_rules! ledger {
    () => {
        include_str!("../../../lua/permits_ledger.lua")
    };
}
#[cfg(not(any(test, feature = "testing")))]
macro_rules! ledger {
    () => {
        "local note\n"
    };
}

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/records.lua"),
        ledger!(),
        include_str!("../../../lua/permits.lua"),
    ))
});

/// The instance that makes calls.
pub(super) struct LeaseCaller {
    /// The id of the instance.
    pub(super) id: String,
    /// How many permits the fleet has.
    pub(super) limit: u32,
    /// How long a lease lasts.
    pub(super) length: Tick,
}

/// A request about one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    /// How many permits its requests may use until it has the reply.
    pub(super) held: u32,
    /// How many it has use for.
    pub(super) want: u32,
}

/// The permits that the server has leased to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseGrant {
    /// How many permits it has.
    pub(super) count: u32,
    /// How many of them it should use, because others lack some or the limit is
    /// lower.
    pub(super) target: u32,
    /// The limit that is in force: the smallest of those that instances have.
    pub(super) limit: u32,
    /// How many permits the fleet has out.
    pub(super) out: u32,
    /// In how many ticks a server that was restarted leases permits again.
    pub(super) wait: Tick,
}

/// The result for one limit of a call.
pub(super) type LeaseResult = Result<LeaseGrant, Error>;

impl LeaseCaller {
    /// Returns a call about these keys, at the server's instant. Each has a
    /// number, higher than in any call before. `server` is the run id of the
    /// server, empty if it is not known.
    pub(super) fn call<'a>(
        &self,
        server: &str,
        wants: impl ExactSizeIterator<Item = (&'a [u8], u64, Want)> + Clone,
        now: Option<Tick>,
    ) -> Cmd {
        let mut call = SCRIPT.call_at(wants.clone().map(|(key, ..)| key), now);
        call.arg(&self.id).arg(self.limit).arg(self.length);
        call.arg(server);
        for (_, number, Want { held, want }) in wants {
            call.arg(number).arg(held).arg(want);
        }
        call
    }
}

/// Returns the script, to run a call of it.
pub(super) fn script() -> &'static Script {
    &SCRIPT
}

/// Reads the reply to a call about this many keys.
pub(super) fn read_reply(reply: &Value, keys: usize) -> Result<Vec<LeaseResult>, Error> {
    let Value::Array(values) = reply else {
        return Err(unexpected());
    };
    if values.len() != keys * REPLY_NUMBERS {
        return Err(unexpected());
    }
    values.chunks(REPLY_NUMBERS).map(read_one).collect()
}

/// Reads the numbers about one key. The outer error is that of the whole reply.
fn read_one(values: &[Value]) -> Result<LeaseResult, Error> {
    let [Value::Int(status), rest @ ..] = values else {
        return Err(unexpected());
    };
    let mut numbers = [0; REPLY_NUMBERS - 1];
    for (number, value) in numbers.iter_mut().zip(rest) {
        *number = match value {
            Value::Int(found) => u64::try_from(*found).map_err(|_| unexpected())?,
            _ => return Err(unexpected()),
        };
    }
    let [count, target, limit, out, wait] = numbers;
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let grant = LeaseGrant {
        count: small(count),
        target: small(target),
        limit: small(limit),
        out: small(out),
        wait,
    };
    match status {
        1 => Ok(Ok(grant)),
        0 => Ok(Err(Error::reply("that to the last call about permits"))),
        -1 => Ok(Err(Error::unreadable("a lease of permits"))),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Error {
    Error::reply("that of the script of permits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn a_reply_has_six_numbers_for_each_key() {
        let read = read_reply(&reply(&[1, 7, 5, 10, 9, 0, -1, 0, 0, 0, 0, 0]), 2);
        let [Ok(grant), Err(error)] = &read.expect("it is complete")[..] else {
            panic!("two keys");
        };
        assert_eq!((grant.count, grant.target, grant.limit), (7, 5, 10));
        assert_eq!((grant.out, grant.wait), (9, 0));
        assert_eq!(error.kind(), crate::redis::ErrorKind::Unreadable);
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        let of_strings = Value::Array(vec![Value::SimpleString("OK".into()); 6]);
        for wrong in [
            reply(&[1, 7, 5]),
            reply(&[2; 6]),
            reply(&[1, -1, 0, 0, 0, 0]),
            of_strings,
        ] {
            assert!(read_reply(&wrong, 1).is_err(), "{wrong:?}");
        }
        assert!(read_reply(&reply(&[1; 6]), 2).is_err());
    }
}
