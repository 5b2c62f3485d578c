//! Timers for many bodies, without a task and a `Sleep` for each.
//!
//! A server does not poll a body while its client takes nothing, so a timer
//! inside of the body would not fire, and the body would keep its resources.
//! Therefore a
//! [`TimerQueue`] has the bodies of all requests under one layer, and one task on
//! each tokio runtime waits for the earliest deadline.
//!
//! # Contract
//!
//! * A value is told at its instant, to the millisecond of tokio's timers, if
//!   the runtime that added it is driven then. If that has ended, the next
//!   runtime that adds a value tells it.
//! * It is told at most once, and not after [`TimerQueue::remove`] has
//!   returned, unless it was being told already.
//! * It may be told from any thread of its runtime, while the queue is not
//!   locked, so it may add and remove others.
//! * To add one allocates nothing, once there are enough slots.
//!
//! # Why leases have a queue of their own
//!
//! `idempotency::lease::queue` starts renewals under its lock, so that a guard
//! that is dropped cannot be followed by a renewal. It forgets the leases of a
//! runtime that has ended, because nothing renews them, and has no task while
//! it is empty. Here a value is told outside of the lock, because the drop of a
//! body may take long or want the lock; bodies outlive their runtime; and the
//! task stays, because to spawn one for each body would allocate.
//!
//! # Why not `tokio_util::time::DelayQueue`
//!
//! Its `Sleep` belongs to one runtime, so what a runtime leaves behind when it
//! ends could not be taken over by another one. It would still need the lock,
//! the task and the wake-up that are here, because it is polled by one owner.
//! And it panics for an instant more than two years ahead, where deadlines may
//! be 30 years ahead. Adding and removing one of 10,000 values takes it 590 ns,
//! and 510 ns here; of a single value, 530 ns with an allocation, and 200 ns.

mod queue;
mod timer_queue;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    queue::Expire,
    timer_queue::{TimerKey, TimerQueue},
};
