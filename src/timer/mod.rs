//! Timers for many values, without a task and a `Sleep` for each.
//!
//! A body that no server polls, and a lease that no work renews, must still be
//! seen to in time. [`TimerQueue`] keeps them, and one task for each tokio
//! runtime waits for the earliest of them. `deadline` ends response bodies by
//! it.
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
