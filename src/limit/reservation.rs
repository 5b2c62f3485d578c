//! The reservation of a limit for a request (a charge, or a place in a queue),
//! and how it is rolled back.
//!
//! These are the words of the [contract](super::member) between `All` and its
//! members. The backends and the failure policies stand on this file, and it on
//! none of them.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{decision::Decision, limiter::Wait, rules::quota::Cost};
#[cfg(feature = "redis")]
use super::{hold::Holding, limiter::Check};
use crate::clock::Tick;

/// The request of a caller to one limit.
#[derive(Clone, Copy)]
pub(crate) struct CheckRequest {
    pub(crate) cost: Cost,
    /// `None` if the caller itself obeys a decision to wait.
    pub(crate) wait: Option<Wait>,
}

/// A decision, and what was reserved for it. Dropping it rolls back a place,
/// but not a charge.
pub(crate) struct Reserved {
    pub(crate) decision: Decision,
    pub(crate) taken: Taken,
}

/// The cost that was taken from a bucket.
pub(crate) enum Taken {
    Charge(Charge),
    /// A place in a queue. It is given back when it is dropped before it is
    /// due.
    Place(Reservation),
}

/// A charge; see [`Rule::undo`](crate::limit::Rule::undo).
#[derive(Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) cost: Cost,
    /// When the charge falls due.
    pub(crate) at: Tick,
    /// How the bucket looks if this is its last charge; see
    /// [`Rule::mark`](crate::limit::Rule::mark).
    pub(crate) mark: u64,
    /// The sum of what was given back to the bucket before.
    pub(crate) refunds: u64,
    /// The part of it that credits gave back.
    pub(crate) credits: u64,
}

/// A decision, and what it took, in a form that can wait in a future.
#[cfg(feature = "redis")]
pub(crate) struct GuardedDecision {
    pub(crate) decision: Decision,
    pub(crate) rollback: Rollback,
}

/// Rolls back what was taken when it is dropped, unless it was committed.
pub(crate) struct Rollback(Undo);

/// The way to roll back.
enum Undo {
    Nothing,
    Charge(Box<dyn FnOnce() + Send>),
    Place(Reservation),
}

impl Rollback {
    /// There is nothing to roll back.
    #[cfg(feature = "redis")]
    pub(crate) fn nothing() -> Self {
        Self(Undo::Nothing)
    }

    /// Calls `undo` to roll back.
    pub(crate) fn charge(undo: impl FnOnce() + Send + 'static) -> Self {
        Self(Undo::Charge(Box::new(undo)))
    }

    /// Drops the reservation to roll back.
    pub(crate) fn place(reservation: Reservation) -> Self {
        Self(Undo::Place(reservation))
    }

    /// Waits until a place is due, which commits it. Returns whether it is a
    /// place.
    pub(crate) async fn wait(&mut self) -> bool {
        let Undo::Place(reservation) = &mut self.0 else {
            return false;
        };
        let Ok(_) = reservation.await;
        self.0 = Undo::Nothing;
        true
    }

    /// The request uses what was reserved.
    pub(crate) fn commit(mut self) {
        self.0 = Undo::Nothing;
    }
}

impl Drop for Rollback {
    fn drop(&mut self) {
        if let Undo::Charge(undo) = std::mem::replace(&mut self.0, Undo::Nothing) {
            undo();
        }
    }
}

/// A limiter of this process that decides when Redis does not answer. It is
/// asked by the ticket of a key, because the key is gone.
#[cfg(feature = "redis")]
pub(crate) trait TicketLimiter {
    /// Checks, and waits if the request says so.
    fn check(&self, ticket: u64, request: CheckRequest) -> Check<Reservation>;

    /// Reserves as a member of several limits, so that it can be rolled back.
    fn reserve(&self, ticket: u64, request: CheckRequest) -> GuardedDecision;

    /// Holds, and waits if the request says so.
    fn hold(&self, ticket: u64, request: CheckRequest) -> Holding;

    /// Takes as much as there is, up to `cost`.
    fn check_up_to(&self, ticket: u64, cost: Cost) -> (Cost, Decision);
}

/// A reservation under way, or the wait for a booked place; the future of
/// [`Local`](super::Local) and [`All`](super::All).
///
/// Dropped before it is done, it gives back the reservation. In process, the
/// callers behind a place move up; in Redis, a place that is not the last
/// lapses.
#[must_use = "futures do nothing unless polled; dropped, its reservation is given back"]
pub struct Reservation<E = Infallible>(Pin<Box<dyn Future<Output = Result<Decision, E>> + Send>>);

impl<E> Reservation<E> {
    /// `wait` owns what was reserved, and gives it back when it is dropped.
    pub(crate) fn new(wait: impl Future<Output = Result<Decision, E>> + Send + 'static) -> Self {
        Self(Box::pin(wait))
    }
}

impl<E> Future for Reservation<E> {
    type Output = Result<Decision, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<E> fmt::Debug for Reservation<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reservation")
    }
}
