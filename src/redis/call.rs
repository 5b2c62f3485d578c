//! A question to a server, and whether an answer belongs to it.
//!
//! On a connection, the answer that comes next is the next question's. When an
//! answer too many comes, or one is lost, all that follow go to the wrong callers.
//! So every question has a number that its answer must bring back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ahash::RandomState;
use redis::{Arg, Cmd, Pipeline, ServerError, Value};

use super::{said::Said, script::Script};

/// How many numbers there are: all are whole numbers in Lua, with room to spare.
const NUMBERS: u64 = 1 << 48;

/// A question.
pub(super) struct Call<'a> {
    command: Cmd,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// The last argument is the number, which the script returns first.
    Script { script: &'a Script, number: u64 },
    /// A command with an answer of its own. A [`Proof`] goes with it.
    Command,
}

/// What an answer is.
pub(super) enum Answer {
    /// It belongs to the question.
    Own(Value),
    /// The script ended with this error.
    Failed(Said),
    /// The server did not run it.
    Refused(Said, Shown),
    /// It belongs to another question.
    Foreign,
}

/// Whether it is shown that an error belongs to the question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Yes,
    No,
}

/// The numbers of a connection's questions.
#[derive(Debug)]
pub(super) struct Numbers(AtomicU64);

impl Numbers {
    /// They begin anywhere: a proxy may mix up the answers of two processes.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed) % NUMBERS
    }
}

impl<'a> Call<'a> {
    pub(super) fn of_script(script: &'a Script, mut command: Cmd, number: u64) -> Self {
        command.arg(number);
        let kind = Kind::Script { script, number };
        Self { command, kind }
    }

    pub(super) fn of_command(command: Cmd) -> Self {
        let kind = Kind::Command;
        Self { command, kind }
    }

    pub(super) fn command(&self) -> &Cmd {
        &self.command
    }

    /// The same call with the script's source; `None` where there is none, or
    /// where it came along already.
    pub(super) fn with_source(&self, number: u64) -> Option<Self> {
        let Kind::Script { script, .. } = self.kind else {
            return None;
        };
        if !self.is_by_digest() {
            return None;
        }
        let command = script.numbered_with_source(&self.command, number);
        let kind = Kind::Script { script, number };
        Some(Self { command, kind })
    }

    pub(super) fn is_by_digest(&self) -> bool {
        self.command.args_iter().next() == Some(Arg::Simple(b"EVALSHA"))
    }

    /// The commands to send, if it is more than the one; `asking` says whether the
    /// node is to answer for a slot that it is about to have.
    pub(super) fn pipeline(&self, asking: bool, proof: u64) -> Option<Pipeline> {
        let is_command = matches!(self.kind, Kind::Command);
        if !asking && !is_command {
            return None;
        }
        let mut pipeline = redis::pipe();
        if asking {
            // It holds for the next command of the connection, so nobody else's
            // may come between the two.
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.command.clone());
        if is_command {
            pipeline.add_command(Proof(proof).question());
        }
        Some(pipeline)
    }

    /// What the answers to its [`pipeline`](Self::pipeline) are.
    pub(super) fn read_all(&self, asking: bool, proof: u64, answers: Vec<Value>) -> Answer {
        let mut answers = answers.into_iter();
        let asked = asking.then(|| answers.next());
        let Some(answer) = answers.next() else {
            return Answer::Foreign;
        };
        match asked.flatten() {
            None | Some(Value::Okay) => {}
            Some(Value::ServerError(error)) => return Answer::refused(error),
            Some(_) => return Answer::Foreign,
        }
        match answers.next() {
            None => self.read(answer),
            Some(proven) => match Proof(proof).read(proven) {
                Answer::Own(_) => self.read(answer).shown(),
                other => other,
            },
        }
    }

    pub(super) fn read(&self, answer: Value) -> Answer {
        match (&self.kind, answer) {
            (_, Value::ServerError(error)) if self.can_be_refused(error.code()) => {
                Answer::refused(error)
            }
            (Kind::Command, answer) if !matches!(answer, Value::ServerError(_)) => {
                Answer::Own(answer)
            }
            (Kind::Script { number, .. }, Value::Array(answer)) => numbered(*number, answer),
            _ => Answer::Foreign,
        }
    }

    /// A server has nothing to look up for a call that brings its source, nor for
    /// what is no script.
    fn can_be_refused(&self, code: &str) -> bool {
        code != "NOSCRIPT" || self.is_by_digest()
    }
}

impl Answer {
    fn refused(error: ServerError) -> Self {
        Self::Refused(Said::of(&error), Shown::No)
    }

    fn shown(self) -> Self {
        match self {
            Self::Refused(error, _) => Self::Refused(error, Shown::Yes),
            other => other,
        }
    }
}

/// What a script returned, behind its number.
fn numbered(number: u64, answer: Vec<Value>) -> Answer {
    let mut answer = answer.into_iter();
    let (first, value, more) = (answer.next(), answer.next(), answer.next());
    match (first, value.unwrap_or(Value::Nil), more) {
        (Some(Value::Int(it)), value, None) if u64::try_from(it) == Ok(number) => match value {
            Value::ServerError(error) => Answer::Failed(Said::of(&error)),
            value => Answer::Own(value),
        },
        _ => Answer::Foreign,
    }
}

/// A question that is answered by its number, and does nothing else: where its
/// answer comes in its turn, so did those before it.
pub(super) struct Proof(pub(super) u64);

impl Proof {
    /// Without a key, any node of a cluster answers.
    pub(super) fn question(&self) -> Cmd {
        let mut question = redis::cmd("EVAL");
        question.arg("return tonumber(ARGV[1])").arg(0).arg(self.0);
        question
    }

    pub(super) fn read(&self, answer: Value) -> Answer {
        match answer {
            Value::Int(number) if u64::try_from(number) == Ok(self.0) => {
                Answer::Own(Value::Int(number))
            }
            Value::ServerError(error) if error.code() != "NOSCRIPT" => Answer::refused(error),
            _ => Answer::Foreign,
        }
    }
}
