//! A call to a server, and whether a reply belongs to it.
//!
//! On a connection, the next reply answers the next call. If a reply is lost,
//! or one too many comes, all later replies go to the wrong callers. Therefore
//! each call has a number that its reply must bring back.
//!
//! If a proxy loses the first of three replies, each caller would get the reply
//! of the next one:
//!
//! ```text
//! calls    A  B  C
//! replies     b  c       without numbers: A gets b, B gets c, C waits
//! ```
//!
//! With numbers, A sees that `b` has not its number. The connection is closed,
//! and all three get an error that says that their calls may have run.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ahash::RandomState;
use redis::{Arg, Cmd, Pipeline, ServerError, Value};

use crate::redis::{error::RedactedError, script::Script};

/// Call numbers are below this bound, so that Lua's floats hold them exactly,
/// with room to spare.
const MAX_CALL_NUMBER: u64 = 1 << 48;

/// A command or script to send.
pub(crate) struct Call<'a> {
    /// The command. That of a script ends with its number.
    command: Cmd,
    /// How its reply is recognised.
    kind: CallKind<'a>,
}

/// Scripts have numbers, and plain commands do not.
enum CallKind<'a> {
    /// The last argument is the number, which the script returns last.
    Script { script: &'a Script, number: u64 },
    /// A plain command, whose reply has no number. An [`Echo`] follows it.
    Command,
}

/// The reply to a call.
///
/// Only `Mismatched` closes the connection.
pub(crate) enum CallReply {
    /// The value that the call returned.
    Value(Value),
    /// The script ran, and ended with this error.
    ScriptError(RedactedError),
    /// The server did not run the call.
    Rejected {
        error: RedactedError,
        /// Whether it is known to belong to this call.
        verified: bool,
    },
    /// The reply belongs to another call.
    Mismatched,
}

/// Gives the calls of a connection their numbers.
#[derive(Debug)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    /// They begin anywhere, because a proxy may mix up the replies of two
    /// processes.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }

    /// Returns the next number.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed) % MAX_CALL_NUMBER
    }
}

impl<'a> Call<'a> {
    /// A call of a script, to which the number is appended.
    pub(crate) fn of_script(script: &'a Script, mut command: Cmd, number: u64) -> Self {
        command.arg(number);
        let kind = CallKind::Script { script, number };
        Self { command, kind }
    }

    /// A call of a plain command, which has to be safe to repeat.
    pub(crate) fn of_command(command: Cmd) -> Self {
        let kind = CallKind::Command;
        Self { command, kind }
    }

    /// Returns the command, whose keys select the node.
    pub(crate) fn command(&self) -> &Cmd {
        &self.command
    }

    /// Returns the same call with the script's source; `None` for a plain
    /// command, and for a call that has its source already.
    pub(crate) fn with_source(&self, number: u64) -> Option<Self> {
        let CallKind::Script { script, .. } = self.kind else {
            return None;
        };
        if !self.is_by_digest() {
            return None;
        }
        let command = script.numbered_with_source(&self.command, number);
        let kind = CallKind::Script { script, number };
        Some(Self { command, kind })
    }

    /// Whether the server has to know the script already.
    fn is_by_digest(&self) -> bool {
        self.command.args_iter().next() == Some(Arg::Simple(b"EVALSHA"))
    }

    /// Returns the commands to send, if there is more than one. With `asking`,
    /// the node serves a slot that it is about to get.
    pub(super) fn pipeline(&self, asking: bool, echo: u64) -> Option<Pipeline> {
        let is_command = matches!(self.kind, CallKind::Command);
        if !asking && !is_command {
            return None;
        }
        let mut pipeline = redis::pipe();
        if asking {
            // It holds for the connection's next command only, so no other call
            // may come between the two.
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.command.clone());
        if is_command {
            pipeline.add_command(Echo(echo).command());
        }
        Some(pipeline)
    }

    /// Reads the replies to the [`pipeline`](Self::pipeline).
    ///
    /// Fewer replies than commands mean that the connection lost some.
    pub(super) fn read_all(&self, asking: bool, echo: u64, replies: Vec<Value>) -> CallReply {
        let mut replies = replies.into_iter();
        let asked = asking.then(|| replies.next());
        let Some(reply) = replies.next() else {
            return CallReply::Mismatched;
        };
        match asked.flatten() {
            None | Some(Value::Okay) => {}
            Some(Value::ServerError(error)) => return CallReply::rejected(error),
            Some(_) => return CallReply::Mismatched,
        }
        match replies.next() {
            // The reply of a plain command proves nothing by itself.
            None if matches!(self.kind, CallKind::Command) => CallReply::Mismatched,
            None => self.read(reply),
            Some(echoed) => match Echo(echo).read(echoed) {
                CallReply::Value(_) => self.read(reply).verified(),
                other => other,
            },
        }
    }

    /// Reads the reply to the command alone.
    pub(super) fn read(&self, reply: Value) -> CallReply {
        match (&self.kind, reply) {
            (_, Value::ServerError(error)) if self.can_be_rejected_with(error.code()) => {
                CallReply::rejected(error)
            }
            (CallKind::Command, reply) if !matches!(reply, Value::ServerError(_)) => {
                CallReply::Value(reply)
            }
            (CallKind::Script { number, .. }, Value::Array(reply)) => numbered(*number, reply),
            (CallKind::Script { number, .. }, Value::BulkString(reply)) => short_answer(&reply)
                .map_or(CallReply::Mismatched, |reply| {
                    numbered(*number, reply.into())
                }),
            _ => CallReply::Mismatched,
        }
    }

    /// A server cannot miss the script of a plain command, or of a call with
    /// its source: such an error belongs to another call.
    fn can_be_rejected_with(&self, code: &str) -> bool {
        code != "NOSCRIPT" || self.is_by_digest()
    }
}

impl CallReply {
    /// A rejection that may still belong to another call.
    fn rejected(error: ServerError) -> Self {
        let (error, verified) = (RedactedError::of(&error), false);
        Self::Rejected { error, verified }
    }

    /// Notes that the echo behind a rejection came back.
    fn verified(mut self) -> Self {
        if let Self::Rejected { verified, .. } = &mut self {
            *verified = true;
        }
        self
    }
}

/// Reads the reply of a script: what it returned, or the error that ended it,
/// and behind that the number.
fn numbered(number: u64, mut reply: Vec<Value>) -> CallReply {
    match reply.pop() {
        Some(Value::Int(it)) if u64::try_from(it) == Ok(number) => {}
        _ => return CallReply::Mismatched,
    }
    match &reply[..] {
        [Value::ServerError(error)] => CallReply::ScriptError(RedactedError::of(error)),
        _ => CallReply::Value(Value::Array(reply)),
    }
}

/// Reads the short answer of a script (`lua/answer.lua`): what it returned, and
/// behind that the number.
fn short_answer(reply: &[u8]) -> Option<[Value; 2]> {
    let (answer, number) = std::str::from_utf8(reply).ok()?.split_once(' ')?;
    let whole = |text: &str| text.parse().ok().map(Value::Int);
    Some([whole(answer)?, whole(number)?])
}

/// A command that returns its number and does nothing else. If its reply comes
/// in its turn, so did the replies before it.
///
/// It is a script, because scripts need no right of their own.
pub(crate) struct Echo(pub(crate) u64);

impl Echo {
    /// Returns the command. It has no key, so any node of a cluster runs it.
    pub(crate) fn command(&self) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg("return tonumber(ARGV[1])").arg(0).arg(self.0);
        command
    }

    /// Reads the reply to the command.
    pub(crate) fn read(&self, reply: Value) -> CallReply {
        match reply {
            Value::Int(number) if u64::try_from(number) == Ok(self.0) => {
                CallReply::Value(Value::Int(number))
            }
            Value::ServerError(error) if error.code() != "NOSCRIPT" => CallReply::rejected(error),
            _ => CallReply::Mismatched,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_reply_without_its_echo_is_not_believed() {
        let call = Call::of_command(redis::cmd("PING"));
        let reply = || Value::SimpleString("PONG".into());
        let alone = call.read_all(false, 7, vec![reply()]);
        assert!(matches!(alone, CallReply::Mismatched));
        let echoed = call.read_all(false, 7, vec![reply(), Value::Int(7)]);
        assert!(matches!(echoed, CallReply::Value(_)));
    }

    #[test]
    fn the_number_stands_behind_what_a_script_returns() {
        let read = |reply| numbered(7, reply);
        let (now, number, other) = (Value::Int(1), Value::Int(7), Value::Int(8));
        let CallReply::Value(Value::Array(list)) = read(vec![now.clone(), number.clone()]) else {
            panic!("the number is that of the call");
        };
        assert_eq!(list, std::slice::from_ref(&now));
        for foreign in [vec![], vec![number.clone(), now], vec![number, other]] {
            assert!(matches!(read(foreign), CallReply::Mismatched));
        }
    }

    #[test]
    fn a_short_answer_belongs_to_the_call_whose_number_it_ends_with() {
        let script = Script::new("");
        let call = Call::of_script(&script, script.call(0), 7);
        let read = |reply: &str| call.read(Value::BulkString(reply.into()));
        let CallReply::Value(Value::Array(list)) = read("12 7") else {
            panic!("the number is that of the call");
        };
        assert_eq!(list, [Value::Int(12)]);
        for foreign in ["", "7", "12 8", "12 7 ", "7 12", "x 7", "12  7", "1 2 7"] {
            assert!(matches!(read(foreign), CallReply::Mismatched), "{foreign}");
        }
    }
}
