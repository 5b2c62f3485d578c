//! The guard that counts the end of each request exactly once. Futures and
//! response bodies hold it.

use std::sync::Arc;

use super::stripe::{NoRoom, Stripe};
use crate::{
    clock::Tick,
    red::{Cause, CompletionKey, Labels, Outcome, Status, TraceId, http::route_slot::RouteSlot},
};

/// A request that has started.
///
/// The future hands it to the response's body. It counts exactly one end: the
/// one that its owner reports, or a cancellation if it is dropped before.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Where the request is counted. A reported route changes it.
    stripe: Arc<Stripe>,
    /// Where an inner layer reports the route, if that is not known yet.
    slot: Option<RouteSlot>,
    /// When the request started.
    began: Tick,
    /// The trace to keep as an exemplar.
    trace: Option<TraceId>,
    /// Whether there was a response.
    has_head: bool,
    /// The status of the response's head. It is counted if the response is
    /// dropped before its end.
    status: Option<Status>,
    /// Whether the duration is that of a stream.
    streamed: bool,
    /// Whether the end is counted, so that dropping this does nothing.
    ended: bool,
    /// The end to count if the guard is dropped; see
    /// [`foresee`](Self::foresee).
    foreseen: Option<(Option<Status>, Outcome, Cause)>,
}

impl Guard {
    /// Counts the start of a request.
    #[inline]
    pub(super) fn start(stripe: &Arc<Stripe>, trace: Option<TraceId>) -> Self {
        stripe.start();
        Self {
            began: stripe.settings().now(),
            stripe: Arc::clone(stripe),
            slot: None,
            trace,
            has_head: false,
            status: None,
            streamed: false,
            ended: false,
            foreseen: None,
        }
    }

    /// Returns the slot in which an inner layer reports the route. `outer` is
    /// the slot of a layer further out, which gets the same report.
    pub(crate) fn slot(&mut self, outer: Option<RouteSlot>) -> &RouteSlot {
        let stripe = &self.stripe;
        self.slot
            .get_or_insert_with(|| RouteSlot::new(stripe, outer))
    }

    /// Moves to the series of the reported route, if there is one.
    ///
    /// Later reports have no effect. They may come, because a handler can pass
    /// the request to a task that outlives this guard.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.stripe = Arc::clone(slot.settled());
        }
    }

    /// Returns the labels of the series that counts the request.
    pub(crate) fn labels(&self) -> &Labels {
        &self.stripe.common.labels
    }

    /// Returns when the request started.
    pub(crate) fn began(&self) -> Tick {
        self.began
    }

    /// Marks the request as a stream, whose duration is not a latency.
    pub(crate) fn stream(&mut self) {
        self.streamed = true;
    }

    /// Keeps the status of the response's head.
    #[inline]
    pub(crate) fn answer(&mut self, status: Option<Status>) {
        self.status = status;
    }

    /// Counts the head of the response. Returns the time that it read.
    #[inline]
    pub(crate) fn head(&mut self) -> Tick {
        self.settle();
        let now = self.now();
        self.stripe.head(now.saturating_sub(self.began));
        self.has_head = true;
        now
    }

    /// Sets the end to count if the guard is dropped: a client that drops an
    /// error response after its head has seen all that it needs, so that is not
    /// a cancellation.
    pub(crate) fn foresee(&mut self, status: Option<Status>, outcome: Outcome, cause: Cause) {
        self.foreseen = Some((status, outcome, cause));
    }

    /// Counts the end of the request.
    #[inline]
    pub(crate) fn end(&mut self, status: Option<Status>, outcome: Outcome, cause: Cause) {
        let now = self.now();
        self.end_at(now, status, outcome, cause);
    }

    /// Counts the end of the request at a time that the caller has read
    /// already.
    #[inline]
    pub(crate) fn end_at(
        &mut self,
        now: Tick,
        status: Option<Status>,
        outcome: Outcome,
        cause: Cause,
    ) {
        // Set first, so that a panic while counting does not count a second
        // end.
        self.ended = true;
        self.settle();
        let key = CompletionKey::new(status, outcome, cause, self.streamed);
        self.count(key, now);
    }

    /// Counts the end of a request that was dropped.
    fn cancel(&mut self) {
        self.settle();
        let cause = match self.has_head {
            true => Cause::DroppedInBody,
            false => Cause::DroppedBeforeHead,
        };
        let cancelled = (self.status, Outcome::Cancelled, cause);
        let (status, outcome, cause) = self.foreseen.unwrap_or(cancelled);
        let key = CompletionKey::new(status, outcome, cause, self.streamed);
        self.count(key, self.now());
    }

    #[inline]
    fn now(&self) -> Tick {
        self.stripe.settings().now()
    }

    /// Counts the end, in the overflow series if this one has no room for the
    /// key.
    #[inline]
    fn count(&self, key: CompletionKey, now: Tick) {
        let micros = now.saturating_sub(self.began);
        if let Err(NoRoom) = self.stripe.end(key, micros, self.trace) {
            self.end_in_overflow(key, micros);
        }
    }

    /// Moves the request to the overflow series and ends it there.
    #[cold]
    fn end_in_overflow(&self, key: CompletionKey, micros: u64) {
        let labels = self.labels();
        let overflow = self
            .stripe
            .move_to(|series| series.overflow_of(labels, key));
        if let Some(overflow) = overflow {
            let ended = overflow.end(key, micros, self.trace);
            debug_assert!(ended.is_ok(), "the overflow series has room for every key");
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            self.cancel();
        }
    }
}
