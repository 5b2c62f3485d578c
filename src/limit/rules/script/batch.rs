//! The call of a rule's script. The queue of the limiter in Redis makes one for
//! all checks that arrive while another call is on its way.

use redis::Cmd;

use super::{
    lua_rule::Scripted,
    operation::Operation,
    shortcut::{FirstCharge, PLAIN_CHECK},
};
use crate::clock::Tick;

/// Returns the terms of a rule, as its script reads them: its parameters and its
/// letter. A limiter makes them once.
pub fn terms<R: Scripted>(rule: &R) -> String {
    let params = rule.lua_params().into_iter();
    let mut terms: String = params.map(|param| format!("{param} ")).collect();
    terms.push(rule.kind());
    terms
}

/// Returns the call of a rule's script for operations, each with its key, at
/// the server's instant, or at one that a test or a replay gives.
///
/// With `shortcut`, the script decides checks without the rule where it can,
/// and leaves those of buckets never seen out of its reply. Then the keys have
/// to be different, and plain checks, of a cost of 1, come first.
pub fn batch<'a, R: Scripted>(
    terms: &str,
    now: Option<Tick>,
    shortcut: Option<&R>,
    operations: impl ExactSizeIterator<Item = (&'a [u8], Operation)> + Clone,
) -> Cmd {
    let mut call = R::script().call_at(operations.clone().map(|(key, _)| key), now);
    let first = |rule, operation| FirstCharge::of(rule, terms, operation);
    let plain = shortcut.and_then(|rule| first(rule, PLAIN_CHECK));
    match &plain {
        None => drop(call.arg(terms).arg("")),
        Some(plain) => plain.write_plain(&mut call),
    }
    let shortcut = shortcut.filter(|_| plain.is_some());
    for (_, operation) in operations {
        let Some(rule) = shortcut else {
            operation.write_arg(&mut call);
            continue;
        };
        if operation == PLAIN_CHECK {
            continue;
        }
        match first(rule, operation) {
            None => operation.write_arg(&mut call),
            Some(first) => first.write_operation(operation, &mut call),
        }
    }
    call
}
