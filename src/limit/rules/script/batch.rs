//! The call of a rule's script. The queue of the limiter in Redis makes one for
//! all checks that arrive while another call is on its way.

use redis::Cmd;

use super::{first_charge::FirstCharge, lua_rule::Scripted, operation::Operation};
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
/// With `first`, the script leaves the operations out of its reply that did no
/// more than this; the keys have to be different then.
pub fn batch<'a, R: Scripted>(
    terms: &str,
    now: Option<Tick>,
    first: Option<&FirstCharge>,
    operations: impl ExactSizeIterator<Item = (&'a [u8], Operation)> + Clone,
) -> Cmd {
    let mut call = R::script().call_at(operations.clone().map(|(key, _)| key), now);
    call.arg(terms);
    match first {
        None => call.arg("").arg(""),
        Some(first) => call.arg(&first.value).arg(first.keep_ms),
    };
    for (_, operation) in operations {
        operation.write_arg(&mut call);
    }
    call
}
