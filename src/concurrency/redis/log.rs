//! Log events about leases, at most ten at once and then one a second.

use std::{error::Error, sync::Arc};

use tracing::{Level, event};

use crate::limit::LogTurns;

/// The target of these events, to filter them by: the public module.
const TARGET: &str = "sluicegate::concurrency";

/// Writes the events of one limiter.
#[derive(Debug)]
pub(super) struct LeaseLog {
    /// The name of the limiter.
    name: Arc<str>,
    turns: LogTurns,
}

impl LeaseLog {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            turns: LogTurns::new(),
        }
    }

    /// Returns the name of the limiter.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A call about permits was not answered.
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        if let Some(suppressed) = self.turns.next() {
            let limiter = &*self.name;
            event!(
                target: TARGET,
                Level::WARN,
                limiter,
                error,
                suppressed,
                "permits could not be leased; those that are leased stay in use until their lease ends",
            );
        }
    }

    /// Requests are still served although their lease has ended, so that other
    /// instances may be given their permits.
    pub(super) fn outlived(&self, requests: u32) {
        if let Some(suppressed) = self.turns.next() {
            let limiter = &*self.name;
            event!(
                target: TARGET,
                Level::WARN,
                limiter,
                requests,
                suppressed,
                "requests are served without a lease: it ended before they did",
            );
        }
    }

    /// Redis evicts keys. It is written once, so it is not rate-limited.
    pub(super) fn evicts(&self, policy: &str) {
        let limiter = &*self.name;
        event!(
            target: TARGET,
            Level::WARN,
            limiter,
            policy,
            "redis drops leases when it is full, and may lease their permits twice: set \
             maxmemory-policy to noeviction",
        );
    }
}
