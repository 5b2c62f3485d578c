//! The rate limit of log events, for logs that an attack or an outage would
//! otherwise fill. The logs of `limit` and `concurrency` have one each.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    local::{Direct, Local},
    rules::{quota::Quota, token_bucket::TokenBucket},
};

/// Lets ten events pass at once, and then one a second. Clones share that limit.
#[derive(Clone, Debug)]
pub(crate) struct LogTurns {
    limiter: Local<TokenBucket, Direct>,
    /// Events that were not written since the last one.
    suppressed: Arc<AtomicU64>,
}

impl LogTurns {
    pub(crate) fn new() -> Self {
        Self {
            limiter: Local::direct(TokenBucket::new(Quota::per_second(1).burst(10))),
            suppressed: Arc::default(),
        }
    }

    /// Returns how many events were suppressed since the last one, if any;
    /// `None` if this one is suppressed, too.
    pub(crate) fn next(&self) -> Option<Option<u64>> {
        if self.limiter.check(1).is_denied() {
            self.suppressed.fetch_add(1, Relaxed);
            return None;
        }
        let suppressed = self.suppressed.swap(0, Relaxed);
        Some((suppressed > 0).then_some(suppressed))
    }
}
