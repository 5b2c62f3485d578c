//! The future of a request in the queue.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    gate::Gate,
    permit::Permit,
    usage::Load,
    waiters::{Left, Place, Waiter},
};
use crate::concurrency::{priority::Rank, shed::Shed};

/// Waits for a permit. Dropping it ends the wait; a permit that it was given
/// meanwhile is passed on.
///
/// # Panics
///
/// If it is polled outside of a tokio runtime with a timer, or after it has
/// ended.
pub struct Waiting {
    gate: Arc<Gate>,
    rank: Rank,
    since: Instant,
    /// When the wait ends, permit or not.
    until: Instant,
    place: Place,
    waiter: Arc<Waiter>,
    /// Made when it is first polled, so that a wait can begin outside of a
    /// runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The bounds of a wait.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) since: Instant,
    pub(super) until: Instant,
}

impl Waiting {
    pub(super) fn new(
        gate: Arc<Gate>,
        rank: Rank,
        span: Span,
        place: Place,
        waiter: Arc<Waiter>,
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

    /// Returns the rank of the request.
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Returns how long it has waited until now.
    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// Returns the limit and the permits in flight now.
    pub fn load(&self) -> Load {
        self.gate.load()
    }

    /// Returns the outcome, once there is one.
    pub(super) fn poll_outcome(&self, cx: &Context<'_>) -> Poll<Result<Permit, Shed>> {
        let outcome = self.waiter.poll(cx);
        outcome.map_ok(|grant| Permit::after(self.gate.clone(), self.rank, grant))
    }
}

impl Future for Waiting {
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

impl Drop for Waiting {
    fn drop(&mut self) {
        match self.waiter.close() {
            Left::Queued => self.gate.leave(self.place),
            Left::Granted => self.gate.release(),
            Left::Gone => {}
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}
