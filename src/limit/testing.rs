//! Asks the Lua twin of a rule at an instant of your choice (feature
//! `testing`).
//!
//! [`Redis`](super::Redis) decides by the clock of the server. A replay of
//! recorded traffic, or a test of a deployment, needs the instant to be given:
//! a [`ScriptCall`] has one.

use redis::{Cmd, Value};

pub use super::rules::script::Operation;
use super::{Decision, Scripted};
#[doc(hidden)]
pub use super::{
    redis::{check_all, check_all_with_source},
    rules::{
        log::Log,
        script::{
            GivenBack, HoldRecord, HoldRequest, LuaRule, ReplyReader, UndoRequest, batch, terms,
        },
    },
};
use crate::clock::Tick;

/// A call of a rule's script, at an instant of your choice or at the server's.
///
/// The keys are whole keys of Redis, taken as they are; [`Redis`](super::Redis)
/// makes its own of the name of the limit and the key of the caller.
///
/// ```no_run
/// use sluicegate::limit::{
///     Quota, TokenBucket,
///     testing::{Operation, ScriptCall},
/// };
///
/// let mut client = redis::Client::open("redis://127.0.0.1/")?.get_connection()?;
/// let rule = TokenBucket::new(Quota::per_minute(60).burst(5));
/// let call = ScriptCall::new(&rule)
///     .at(1_700_000_000_000_000)
///     .operation("replay:alice", Operation::Check(5))
///     .operation("replay:alice", Operation::Check(1));
/// let reply: Vec<redis::Value> = call.command().query(&mut client)?;
/// let results = call.read(&reply).expect("the script of this rule replied");
/// let [(admitted, _), (_, Some(denied))] = results[..] else { panic!("{results:?}") };
/// assert!(admitted == 1 && denied.is_denied());
/// # Ok::<(), redis::RedisError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ScriptCall<'a, R> {
    rule: &'a R,
    now: Option<Tick>,
    operations: Vec<(Vec<u8>, Operation)>,
}

impl<'a, R: Scripted> ScriptCall<'a, R> {
    /// A call without operations, at the instant of the server.
    pub fn new(rule: &'a R) -> Self {
        Self {
            rule,
            now: None,
            operations: Vec::new(),
        }
    }

    /// Decides at this instant, in microseconds since 1970, instead of the
    /// server's. Keys stay for an hour longer than they would otherwise,
    /// because the server expires them by its own clock.
    pub fn at(self, now: Tick) -> Self {
        Self {
            now: Some(now),
            ..self
        }
    }

    /// Adds an operation on a key. Operations run in order, all at one instant.
    pub fn operation(mut self, key: impl Into<Vec<u8>>, operation: Operation) -> Self {
        self.operations.push((key.into(), operation));
        self
    }

    /// Returns the command to send: an `EVAL` that brings the script along.
    pub fn command(&self) -> Cmd {
        let operations = self.operations.iter();
        let operations = operations.map(|(key, operation)| (&key[..], *operation));
        let call = batch::<R>(&terms(self.rule), self.now, None, operations);
        R::script().call_with_source(&call)
    }

    /// Reads the reply to the command. `None` if it is not a reply of this
    /// call, or if the state of a key cannot be read.
    ///
    /// For each operation, in order, it has a number: how many were admitted,
    /// how much was taken or given back, or 1 for a credit, a debit and a
    /// reset. And a decision for those that make one, [`Operation::Check`],
    /// [`Operation::Reserve`] (the first) and [`Operation::UpTo`].
    pub fn read(&self, reply: &[Value]) -> Option<Vec<(u64, Option<Decision>)>> {
        let mut reader = ReplyReader::of(reply);
        let now = reader.take()?;
        let mut read = |operation: &Operation| {
            let (count, mut state) = operation.read(self.rule, now, &mut reader)?;
            let decision = operation.decides().then(|| {
                let (_, decision) = operation.replay(self.rule, &mut state, now);
                decision
            });
            let rest = match operation {
                // Its term, and when that ends.
                Operation::Lease(..) => 2,
                // Whether the bucket was leased, and what was given back before.
                Operation::Take(..) => 4,
                // Its instant, mark, what was given back before, whether it is kept,
                // and what lapsed.
                Operation::Hold(_) => 7,
                Operation::Settle(..) => 1,
                _ => 0,
            };
            for _ in 0..rest {
                reader.take()?;
            }
            Some((count, decision))
        };
        let operations = self.operations.iter();
        operations.map(|(_, operation)| read(operation)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Quota, TokenBucket};

    #[test]
    fn a_reply_is_read_as_decisions_at_the_given_instant() {
        let rule = TokenBucket::new(Quota::per_second(1).burst(2));
        let call = ScriptCall::new(&rule)
            .at(5_000_000)
            .operation("a", Operation::Check(2))
            .operation("a", Operation::Credit(1));
        let reply = [5_000_000, 0, 1_000_000, 1].map(Value::Int);
        let results = call.read(&reply).unwrap();
        let denied = results[0].1.unwrap();
        assert_eq!(denied.retry_after().unwrap().as_secs(), 1);
        assert_eq!(results[1], (1, None));
        assert_eq!(call.read(&reply[..2]), None);
    }
}
