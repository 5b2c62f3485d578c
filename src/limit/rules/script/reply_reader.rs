//! Reads the numbers of a script's reply.

use redis::Value;

/// The number that stands in a reply for a bucket whose state cannot be read;
/// see `lua/rules.lua`.
const UNREADABLE: i64 = -1;

/// The whole numbers of a script's reply, one after the other.
#[derive(Debug)]
pub struct ReplyReader<'a>(std::slice::Iter<'a, Value>);

impl<'a> ReplyReader<'a> {
    /// Reads these values from the first on.
    pub fn of(reply: &'a [Value]) -> Self {
        Self(reply.iter())
    }

    /// Whether the script could not read the next bucket. Then it returned
    /// nothing else for it, and this skips that.
    pub fn unreadable(&mut self) -> bool {
        let mut rest = self.0.clone();
        let unreadable = matches!(rest.next(), Some(Value::Int(UNREADABLE)));
        if unreadable {
            self.0 = rest;
        }
        unreadable
    }

    /// Returns the number of the operation whose numbers follow, in a reply
    /// that leaves some out; `None` if none follow.
    pub fn place(&mut self) -> Option<u64> {
        let is_over = self.0.len() == 0;
        // What is no number is the place of no operation.
        (!is_over).then(|| self.take().unwrap_or(u64::MAX))
    }

    /// Returns the next number; `None` if there is none, or it is negative.
    pub fn take(&mut self) -> Option<u64> {
        match self.0.next() {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}
