//! The call of a rule's script. The queue of the limiter in Redis makes one for
//! all checks that arrive while another call is on its way.

use redis::Cmd;

use super::{lua_rule::Scripted, operation::Operation};
use crate::clock::Tick;

/// Returns what every call for a rule begins with: the name of its twin, how
/// many parameters that has, and those. A limiter makes it once.
pub fn head<R: Scripted>(rule: &R) -> Vec<String> {
    let params = rule.lua_params();
    let mut head = vec![rule.lua_name().to_owned(), params.len().to_string()];
    head.extend(params.iter().map(u64::to_string));
    head
}

/// Returns the call of a rule's script for operations, each with its key, at
/// the server's instant, or at one that a test or a replay gives.
pub fn batch<'a, R: Scripted>(
    head: &[String],
    now: Option<Tick>,
    operations: impl ExactSizeIterator<Item = (&'a [u8], Operation)> + Clone,
) -> Cmd {
    let mut call = R::script().call_at(operations.clone().map(|(key, _)| key), now);
    call.arg(head);
    for (_, operation) in operations {
        call.arg(operation.arg());
    }
    call
}
