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

use super::{shared::Shared, store::Store, wait_queue::QueuedCaller};
use crate::{
    clock::{Clock, Tick},
    limit::{
        decision::Decision,
        limiter::{Check, Wait},
        reservation::{Reservation, Reserved, Taken},
        rules::{quota::Cost, rule::Rule},
    },
};

impl<R: Rule, S: Store<R::State>, C: Clock> Shared<R, S, C> {
    /// Takes the cost at once, or a place in the queue. Most callers need not
    /// wait, so the queue is locked only for the others.
    #[inline]
    pub(super) fn until_ready(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        wait: Wait,
    ) -> Check<Reservation> {
        let max_wait = match wait.max_wait {
            Some(_) => wait.longest(0),
            None if this.rule.queues() => wait.longest(Tick::MAX),
            None => return Check::Now(this.check(key, cost)),
        };
        let decision = this.reserve(key, cost, 0);
        if decision.is_admitted() || max_wait == 0 {
            return Check::Now(decision);
        }
        let Reserved { decision, taken } =
            Self::join_queue(this, key, cost, (max_wait, wait.max_queue));
        match taken {
            Taken::Place(reservation) => Check::Later(reservation),
            Taken::Charge(_) => Check::Now(decision),
        }
    }

    /// Books a place in the queue, unless none is needed or there is none. The
    /// queue is locked from the booking until the place is taken, so that both
    /// have the same order.
    pub(super) fn join_queue(
        this: &Arc<Self>,
        key: u64,
        cost: Cost,
        (max_wait, max_queue): (Tick, usize),
    ) -> Reserved {
        let mut queues = this.wait_queues();
        let full = queues.len(key) >= max_queue;
        let charged = this.charge(key, cost, if full { 0 } else { max_wait });
        let decision = charged.decision;
        let Some(wait) = decision.wait_ticks() else {
            return charged;
        };
        let due = Instant::now() + Duration::from_micros(wait);
        let caller = queues.join(key, cost, due);
        drop(queues);
        let booking = Booking {
            shared: this.clone(),
            key,
            caller,
        };
        let reservation = Reservation::new(async move {
            booking.caller.wait().await;
            Ok(decision.when_due())
        });
        let taken = Taken::Place(reservation);
        Reserved { decision, taken }
    }
}

/// A place in the queue. When it is dropped before it is due, its cost goes
/// back into the bucket, or to the callers behind it.
struct Booking<R: Rule, S: Store<R::State>, C: Clock> {
    shared: Arc<Shared<R, S, C>>,
    key: u64,
    caller: Arc<QueuedCaller>,
}

impl<R: Rule, S: Store<R::State>, C: Clock> Drop for Booking<R, S, C> {
    fn drop(&mut self) {
        // The queue stays locked until the bucket has its cost back. Otherwise
        // a newcomer could book behind a place that no longer exists.
        let mut queues = self.shared.wait_queues();
        let free = queues.leave(self.key, &self.caller);
        if free > 0 {
            self.shared.credit(self.key, free);
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
