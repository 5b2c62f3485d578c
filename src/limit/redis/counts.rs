//! Counts the requests that a limiter sends, and those that it need not send.

use std::sync::atomic::Ordering::Relaxed;

/// An event that concerns one request, to be counted.
pub(super) enum RequestEvent {
    Recalled,
    Leased,
    Overloaded,
    FellBack,
    Unreadable,
}

counters! {
    /// The counters that the clones of a limiter share.
    pub(super) struct Counters(RequestEvent);

    /// The counts of a [`Redis`](super::Redis) limiter and its clones at one
    /// time.
    ///
    /// ```no_run
    /// # fn example(connection: &sluicegate::redis::Connection) {
    /// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(100));
    /// let limiter = Redis::new("api", rule, connection, FailOpen);
    /// let counts = limiter.counts();
    /// println!("{} requests in {} calls", counts.requests, counts.calls);
    /// # }
    /// ```
    pub struct RedisCounts {
        /// Requests that were sent to Redis: checks, credits, debits, resets,
        /// leases, and what is given back.
        requests,
        /// Entries that they were merged into: the same request about one
        /// bucket, several times in a row, is one entry.
        entries,
        /// Calls of the script. Requests per call are the factor by which
        /// coalescing saves round trips. A call for several limits of an
        /// [`All`](crate::limit::All) is one call for each of them.
        calls,
        /// Denials that were remembered, so that Redis was not asked.
        recalled: RequestEvent::Recalled,
        /// Checks that a lease admitted, so that Redis was not asked.
        leased: RequestEvent::Leased,
        /// Requests that found the queue full.
        overloaded: RequestEvent::Overloaded,
        /// Checks that Redis did not answer, so that the policy decided.
        fell_back: RequestEvent::FellBack,
        /// Requests about buckets whose state could not be read, so that they
        /// failed: see [unreadable states](super::Redis#unreadable-states).
        unreadable: RequestEvent::Unreadable,
        /// Holds of any instance that this one found unsettled at the end of
        /// their term: see [holds](super::Redis#holds).
        lapsed_holds,
    }
}

impl Counters {
    /// Counts one call.
    pub(super) fn count_call(&self, requests: usize, entries: usize) {
        self.requests.fetch_add(requests as u64, Relaxed);
        self.entries.fetch_add(entries as u64, Relaxed);
        self.calls.fetch_add(1, Relaxed);
    }

    /// Counts so many holds that lapsed.
    pub(super) fn count_lapsed(&self, holds: u32) {
        if holds > 0 {
            self.lapsed_holds.fetch_add(holds.into(), Relaxed);
        }
    }

    /// Counts one event.
    pub(super) fn count(&self, event: RequestEvent) {
        self.counter(&event).fetch_add(1, Relaxed);
    }
}
