//! The arguments by which a script can decide checks without the rule. `batch` adds
//! them to a call. Its twin is `lua/shortcut.lua`.

use redis::Cmd;

use super::{lua_rule::Scripted, operation::Operation};
use crate::{clock::Tick, limit::rules::quota::Cost};

/// The check that needs no operation among the arguments of a call, because it
/// is the most frequent one.
pub(crate) const PLAIN_CHECK: Operation = Operation::Check(1);

/// The first state of a bucket, which a script writes after checks that pass.
pub(super) struct FirstCharge {
    /// The value of the key behind the instant of the charge.
    value: String,
    /// For how many milliseconds the key is kept.
    keep_ms: u64,
}

impl FirstCharge {
    /// Returns what this operation leaves; `None` if the script needs the rule
    /// for it.
    pub(super) fn of<R: Scripted>(rule: &R, terms: &str, operation: Operation) -> Option<Self> {
        let (times, cost) = checks(operation)?;
        let (ahead, life) = charge(rule, times, cost)?;
        Some(Self {
            value: format!(" {ahead} {terms}"),
            keep_ms: life.div_ceil(1_000).max(1),
        })
    }

    /// Adds what a plain check leaves to the arguments of a call.
    pub(super) fn write_plain(&self, call: &mut Cmd) {
        call.arg(&self.value).arg(self.keep_ms);
    }

    /// Adds the operation that leaves this.
    pub(super) fn write_operation(&self, operation: Operation, call: &mut Cmd) {
        if let Some((times, cost)) = checks(operation) {
            let Self { value, keep_ms } = self;
            call.arg(format!("{times} {cost} 0 {keep_ms}{value}"));
        }
    }
}

/// Returns how many checks took something from a bucket never seen, if all of
/// the operation did and the script knows that without the rule.
///
/// It needs the rule for an operation that is not a check, and if the states of
/// the rule depend on the instant.
pub(crate) fn first_checks<R: Scripted>(rule: &R, operation: Operation) -> Option<u64> {
    let (times, cost) = checks(operation)?;
    charge(rule, times, cost).map(|_| times)
}

/// Returns how many checks of which cost an operation stands for, if it is
/// nothing else.
fn checks(operation: Operation) -> Option<(u64, Cost)> {
    match operation {
        Operation::Check(cost @ 1..) => Some((1, cost)),
        Operation::Reserve(times, cost @ 1.., 0) => Some((times, cost)),
        _ => None,
    }
}

/// Returns what so many checks leave of a bucket never seen, if all pass.
fn charge<R: Scripted>(rule: &R, times: u64, cost: Cost) -> Option<(u64, Tick)> {
    rule.first_charge(times.checked_mul(cost)?)
}
