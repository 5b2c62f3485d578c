//! The first charge of a bucket never seen, which a script makes with one
//! command and without the rule. Its twin is `lua/first_charge.lua`.

use super::{lua_rule::Scripted, operation::Operation};

/// What a script writes for a bucket never seen after a check that passes.
#[cfg_attr(any(test, feature = "testing"), doc(hidden))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstCharge {
    /// The value of the key behind the instant of the charge.
    pub(super) value: String,
    /// For how many milliseconds the key is kept.
    pub(super) keep_ms: u64,
}

impl FirstCharge {
    /// Returns the charge of this operation; `None` if it is not a check that
    /// takes something, or if the value depends on the instant.
    pub fn of<R: Scripted>(rule: &R, terms: &str, operation: Operation) -> Option<Self> {
        let Operation::Check(cost @ 1..) = operation else {
            return None;
        };
        let (ahead, life) = rule.first_charge(cost)?;
        Some(Self {
            value: format!(" {ahead} {terms}"),
            keep_ms: life.div_ceil(1_000).max(1),
        })
    }
}
