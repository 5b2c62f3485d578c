//! Timers for many values, without a task and a `Sleep` for each.
//!
//! A body that no server polls, and a lease that no work renews, must still be
//! seen to in time. [`TimerQueue`] keeps them, and one task for each tokio
//! runtime waits for the earliest of them. `deadline` ends response bodies by
//! it.
//!
//! # Contract
//!
//! * A value is told at its instant, to the millisecond of tokio's timers, if the
//!   runtime that added it is driven then. If that has ended, the next runtime that
//!   adds a value tells it.
//! * It is told at most once, and not after [`TimerQueue::remove`] has returned,
//!   unless it was being told already.
//! * It may be told from any thread of its runtime, while the queue is not locked,
//!   so it may add and remove others.
//! * To add one allocates nothing, once there are enough slots.
//!
//! # Why not `tokio_util::time::DelayQueue`
//!
//! Its `Sleep` belongs to one runtime, so what a runtime leaves behind when it
//! ends could not be taken over by another one. It would still need the lock,
//! the task and the wake-up that are here, because it is polled by one owner.
//! And it panics for an instant more than two years ahead, where deadlines may
//! be 30 years ahead.

mod queue;
mod timer_queue;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    queue::Expire,
    timer_queue::{TimerKey, TimerQueue},
};
