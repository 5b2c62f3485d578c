//! What makes each request end exactly once.

use std::sync::Arc;

use super::series::{CompletionKey, Stripe};
use crate::clock::Tick;
use crate::red::{
    exemplar::TraceId,
    http::record_route::RouteSlot,
    labels::Labels,
    outcome::{Cause, Outcome},
    status::Status,
};

/// A request that has begun. It goes from the future into the response's body,
/// and counts an end: the one that it is told, or when it is dropped, that nobody
/// waited.
#[derive(Debug)]
pub(crate) struct Guard {
    stripe: Arc<Stripe>,
    /// Where the route is told, if that is not known yet.
    slot: Option<RouteSlot>,
    began: Tick,
    trace: Option<TraceId>,
    headed: bool,
    /// What the head says, for an answer that is dropped before its end.
    status: Option<Status>,
    streamed: bool,
    ended: bool,
    /// What came of it, whether or not anybody waits for the rest.
    fate: Option<(Option<Status>, Outcome, Cause)>,
}

impl Guard {
    #[inline]
    pub(crate) fn start(stripe: &Arc<Stripe>, trace: Option<TraceId>) -> Self {
        stripe.start();
        Self {
            began: stripe.common.settings.now(),
            stripe: Arc::clone(stripe),
            slot: None,
            trace,
            headed: false,
            status: None,
            streamed: false,
            ended: false,
            fate: None,
        }
    }

    /// Expects to be told the route, as a layer further out may.
    pub(crate) fn slot(&mut self, outer: Option<RouteSlot>) -> &RouteSlot {
        self.slot
            .get_or_insert_with(|| RouteSlot::new(&self.stripe, outer))
    }

    /// Goes where the request is counted, if it was told. What it is told later has
    /// to be without effect: a request may outlive its guard, for who carries on with
    /// it in a task of its own.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.stripe = Arc::clone(slot.settled());
        }
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.stripe.common.labels
    }

    pub(crate) fn began(&self) -> Tick {
        self.began
    }

    /// It is a stream: how long it takes says nothing of its latency.
    pub(crate) fn stream(&mut self) {
        self.streamed = true;
    }

    /// The response's head has this status.
    #[inline]
    pub(crate) fn answer(&mut self, status: Option<Status>) {
        self.status = status;
    }

    /// There is a response. Answers what the time is.
    #[inline]
    pub(crate) fn head(&mut self) -> Tick {
        self.settle();
        let now = self.stripe.common.settings.now();
        self.stripe.head(now.saturating_sub(self.began));
        self.headed = true;
        now
    }

    /// Its head says already what came of it: who drops an answer that is an error has
    /// seen all that he wanted of it.
    pub(crate) fn foresee(&mut self, status: Option<Status>, outcome: Outcome, cause: Cause) {
        self.fate = Some((status, outcome, cause));
    }

    /// It has ended, and this is what came of it.
    #[inline]
    pub(crate) fn end(self, status: Option<Status>, outcome: Outcome, cause: Cause) {
        let now = self.stripe.common.settings.now();
        self.end_at(now, status, outcome, cause);
    }

    /// The same, at a time that is known already.
    #[inline]
    pub(crate) fn end_at(
        mut self,
        now: Tick,
        status: Option<Status>,
        outcome: Outcome,
        cause: Cause,
    ) {
        self.ended = true;
        self.settle();
        let key = CompletionKey::new(status, outcome, cause, self.streamed);
        self.count(key, now);
    }

    /// Nobody waited for its end.
    fn cancel(&mut self) {
        self.settle();
        let cause = if self.headed {
            Cause::DroppedInBody
        } else {
            Cause::DroppedBeforeHead
        };
        let cancelled = (self.status, Outcome::Cancelled, cause);
        let (status, outcome, cause) = self.fate.unwrap_or(cancelled);
        let key = CompletionKey::new(status, outcome, cause, self.streamed);
        let now = self.stripe.common.settings.now();
        self.count(key, now);
    }

    #[inline]
    fn count(&self, key: CompletionKey, now: Tick) {
        let micros = now.saturating_sub(self.began);
        self.stripe.end(key, micros, self.trace);
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
