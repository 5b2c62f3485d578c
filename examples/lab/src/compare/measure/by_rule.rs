//! Calls generic code with the rule that an id names.

use sluicegate::limit::{
    FixedWindow, LeakyBucket, Quota, Scripted, SlidingLog, SlidingWindow, TokenBucket,
};

/// Code that works for every rule of this crate.
pub(super) trait ByRule {
    type Output;

    fn call<R: Scripted<State: Sync>>(self, rule: R) -> Self::Output;
}

/// Calls with the rule of this id and quota; `None` for the id of a peer.
pub(super) fn by_rule<C: ByRule>(id: &str, quota: Quota, code: C) -> Option<C::Output> {
    Some(match id {
        "token-bucket" => code.call(TokenBucket::new(quota)),
        "leaky-queue" => code.call(LeakyBucket::new(quota)),
        "leaky-meter" => code.call(LeakyBucket::meter(quota)),
        "sliding-window" => code.call(SlidingWindow::new(quota)),
        "sliding-log" => code.call(SlidingLog::new(quota)),
        "fixed-window" => code.call(FixedWindow::new(quota)),
        _ => return None,
    })
}
