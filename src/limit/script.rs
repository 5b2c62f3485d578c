//! The seam between a rule and its Lua twin.

use redis::Value;

use super::rule::Rule;
use crate::{clock::Tick, redis::Script};

/// A rule that a Lua script can decide by, so that its buckets can be in Redis.
///
/// Sealed: the rules of this crate have twins in `lua/`.
pub trait Scripted: Rule + sealed::Sealed {
    /// The script that works through a batch of this rule's entries.
    #[doc(hidden)]
    fn script() -> &'static Script;

    /// What the script calls the rule.
    #[doc(hidden)]
    fn twin(&self) -> &'static str;

    /// The numbers that the script has to know of the quota.
    #[doc(hidden)]
    fn terms(&self) -> Vec<u64>;

    /// The state that the script found at `now`; `None` if the reply makes no sense.
    #[doc(hidden)]
    fn found(&self, now: Tick, reply: &mut Numbers<'_>) -> Option<Self::State>;
}

/// The whole numbers of a script's reply, one after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Numbers<'a>(std::slice::Iter<'a, Value>);

impl<'a> Numbers<'a> {
    pub(crate) fn of(reply: &'a [Value]) -> Self {
        Self(reply.iter())
    }

    /// The next number; `None` if there is none, or it is negative.
    pub(crate) fn take(&mut self) -> Option<u64> {
        match self.0.next() {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

mod sealed {
    pub trait Sealed {}
}
