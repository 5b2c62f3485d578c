//! The future of a request in the queue of a gate.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::concurrency::{
    gate::{
        gate::Gate,
        permit::Permit,
        waiters::{Left, QueuePlace, WaiterCell},
    },
    priority::Rank,
    shed::Shed,
};

/// Waits for a permit. Dropping it ends the wait; a permit that it was given
/// meanwhile is passed on.
pub(crate) struct QueueWait {
    gate: Arc<Gate>,
    rank: Rank,
    since: Instant,
    /// When the wait ends, permit or not.
    until: Instant,
    place: QueuePlace,
    waiter: Arc<WaiterCell>,
    /// Made when it is first polled, so that a wait can begin outside of a
    /// runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The bounds of a wait.
#[derive(Clone, Copy)]
pub(in crate::concurrency::gate) struct Span {
    pub(in crate::concurrency::gate) since: Instant,
    pub(in crate::concurrency::gate) until: Instant,
}

impl QueueWait {
    pub(in crate::concurrency::gate) fn new(
        gate: Arc<Gate>,
        rank: Rank,
        span: Span,
        place: QueuePlace,
        waiter: Arc<WaiterCell>,
    ) -> Self {
        let Span { since, until } = span;
        Self {
            gate,
            rank,
            since,
            until,
            place,
            waiter,
            timer: None,
        }
    }

    /// Returns the gate that it waits at.
    pub(in crate::concurrency::gate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Returns the rank of the request.
    pub(in crate::concurrency::gate) fn rank(&self) -> Rank {
        self.rank
    }

    /// Returns since when it waits.
    pub(in crate::concurrency::gate) fn since(&self) -> Instant {
        self.since
    }

    /// Returns the outcome, once there is one.
    pub(in crate::concurrency::gate) fn poll_outcome(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<Permit, Shed>> {
        let outcome = self.waiter.poll(cx);
        outcome.map_ok(|grant| Permit::after(self.gate.clone(), self.rank, grant))
    }
}

impl Future for QueueWait {
    type Output = Result<Permit, Shed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = self.poll_outcome(cx);
        if outcome.is_ready() {
            return outcome;
        }
        let until = self.until;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        match timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.gate.end_wait(self.place, Instant::now());
                self.poll_outcome(cx)
            }
        }
    }
}

impl Drop for QueueWait {
    fn drop(&mut self) {
        match self.waiter.close() {
            Left::Queued => self.gate.leave(self.place),
            Left::Granted => self.gate.release(),
            Left::Gone => {}
        }
    }
}
