//! How callers of a limiter in this process wait for their turn.
//!
//! A caller that finds too little books the earliest instant at which its cost
//! is there, and sleeps until then. The booking is in the state of the bucket,
//! so other callers find the cost taken. The wait queue knows the order of the
//! bookings: when a caller leaves, those behind it move up.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    shared::Shared,
    store::Store,
    wait_queue::{Due, QueuedCaller},
};
use crate::{
    clock::{Clock, Tick},
    limit::{
        decision::Decision,
        limiter::{Check, Wait},
        reservation::{Charge, Reservation},
        rules::{quota::Cost, rule::Rule},
    },
    out_of_line::out_of_line,
};

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Takes the cost at once, or a place in the queue.
    // Inlined, so that a caller that reads only the verdict makes no numbers.
    #[inline(always)]
    pub(super) fn until_ready(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        wait: Wait,
    ) -> Check<Reservation> {
        match this.max_wait(&wait) {
            None => Check::Now(this.check(key, cost)),
            Some(max_wait) => {
                let bounds = (max_wait, wait.max_queue);
                out_of_line(|| Self::until_due(this, key, cost, bounds))
            }
        }
    }

    /// Takes the cost at once, or a place in the queue, if the wait is no longer
    /// than so many ticks and if fewer callers wait. Most callers need not wait,
    /// so the queue is locked only for the others.
    fn until_due(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        (max_wait, max_queue): (Tick, usize),
    ) -> Check<Reservation> {
        let decision = this.reserve(key, cost, 0);
        if decision.is_admitted() || max_wait == 0 {
            return Check::Now(decision);
        }
        match Self::join_queue(this, key, cost, (max_wait, max_queue)) {
            Ok(booking) => Check::Later(booking.reservation()),
            Err((decision, _)) => Check::Now(decision),
        }
    }

    /// Returns how many ticks a caller may wait; `None` if neither it nor the
    /// rule has said that it waits at all.
    #[inline]
    pub(super) fn max_wait(&self, wait: &Wait) -> Option<Tick> {
        match wait.max_wait {
            Some(_) => Some(wait.longest(0)),
            None if self.rule.queues() => Some(wait.longest(Tick::MAX)),
            None => None,
        }
    }

    /// Books a place in the queue. The queue is locked from the booking until
    /// the place is taken, so that both have the same order.
    ///
    /// # Errors
    ///
    /// With the decision if no place is needed, or if there is none.
    pub(super) fn join_queue(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        (max_wait, max_queue): (Tick, usize),
    ) -> Result<Booking<R, S, C>, (Decision, Charge)> {
        let mut queues = this.wait_queues();
        let full = queues.len(key) >= max_queue;
        let (decision, charge) = this.charge(key, cost, if full { 0 } else { max_wait });
        let Some(wait) = decision.wait_ticks() else {
            return Err((decision, charge));
        };
        let instant = Instant::now() + Duration::from_micros(wait);
        let at = charge.at;
        let caller = queues.join(key, cost, Due { instant, at });
        drop(queues);
        Ok(Booking {
            shared: this.clone(),
            key,
            caller,
            decision,
            charge,
        })
    }
}

/// A place in the queue. When it is dropped before it is due, its cost goes
/// back into the bucket, or to the callers behind it.
pub(super) struct Booking<R: Rule, S: Store<R::State>, C: Clock> {
    shared: Arc<Shared<R, S, C>>,
    key: u64,
    caller: Arc<QueuedCaller>,
    /// The decision to wait.
    pub(super) decision: Decision,
    /// As it was booked.
    charge: Charge,
}

impl<R: Rule, S: Store<R::State>, C: Clock> Booking<R, S, C> {
    /// Turns it into the future of the decision.
    pub(super) fn reservation(self) -> Reservation {
        Reservation::new(async move { Ok(self.wait().await.0) })
    }

    /// Waits until the place is due. Returns the decision, and the charge as
    /// the queue has moved it.
    pub(super) async fn wait(self) -> (Decision, Charge) {
        self.caller.wait().await;
        let at = self.caller.due().at;
        (self.decision.when_due(), Charge { at, ..self.charge })
    }
}

impl<R: Rule, S: Store<R::State>, C: Clock> Drop for Booking<R, S, C> {
    fn drop(&mut self) {
        // The queue stays locked until the bucket has its cost back. Otherwise
        // a newcomer could book behind a place that no longer exists.
        let mut queues = self.shared.wait_queues();
        let free = queues.leave(self.key, &self.caller);
        if free > 0 {
            self.shared.give_back(self.key, free);
        }
    }
}

/// The future of [`Local::until_ready`](super::limiter::Local::until_ready): a
/// decision, when its turn has come.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled; dropped, its place is given back"]
pub struct UntilReady(Check<Reservation>);

impl UntilReady {
    pub(super) fn of(check: Check<Reservation>) -> Self {
        Self(check)
    }
}

impl Future for UntilReady {
    type Output = Decision;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Decision> {
        Pin::new(&mut self.0).poll(cx).map(|Ok(decision)| decision)
    }
}
