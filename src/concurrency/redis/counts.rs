//! Counts the calls of an instance, and what became of its leases.

use std::sync::atomic::Ordering::Relaxed;

/// An event that concerns the lease of one limit.
pub(super) enum LeaseEvent {
    Failed,
    Unreadable,
    Lapsed,
}

counters! {
    /// The counters that the clones of a limiter share.
    pub(super) struct LeaseCounters(LeaseEvent);

    /// The counts of a [`Redis`](super::Redis) limiter and its clones at one
    /// time.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::concurrency::Redis;
    ///
    /// let permits = Redis::new("db", 500, connection);
    /// let counts = permits.counts();
    /// println!("{} limits in {} calls", counts.limits, counts.calls);
    /// # }
    /// ```
    pub struct RedisCounts {
        /// Calls of the script.
        calls,
        /// Limits that these calls were about: one, unless the limiter has
        /// keys.
        limits,
        /// Limits about which a call was not answered.
        failed: LeaseEvent::Failed,
        /// Limits whose state in Redis cannot be read.
        unreadable: LeaseEvent::Unreadable,
        /// Leases that ended before they were renewed.
        lapsed: LeaseEvent::Lapsed,
        /// Requests that were still served when this instance noticed that their
        /// lease had ended. It looks at the end of the lease, or as soon as it
        /// runs again if it stood still.
        outlived,
    }
}

impl LeaseCounters {
    /// Counts one call.
    pub(super) fn count_call(&self, limits: usize) {
        self.calls.fetch_add(1, Relaxed);
        self.limits.fetch_add(limits as u64, Relaxed);
    }

    /// Counts one event.
    pub(super) fn count(&self, event: LeaseEvent) {
        self.counter(&event).fetch_add(1, Relaxed);
    }

    /// Counts so many requests whose lease has ended.
    pub(super) fn count_outlived(&self, requests: u32) {
        self.outlived.fetch_add(requests.into(), Relaxed);
    }
}
