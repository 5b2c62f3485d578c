//! The futures that a gate wakes once its lock is free.

use std::task::Waker;

use super::wait_list::QueuedRequest;
use crate::concurrency::shed::Shed;

/// The futures to wake once the lock is free.
#[derive(Default)]
pub(in crate::concurrency::gate) struct Woken(Vec<Waker>);

impl Woken {
    /// Adds a future, if it was polled before.
    pub(in crate::concurrency::gate) fn add(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// Tells a request that was taken out of the list that it is refused.
    pub(in crate::concurrency::gate) fn refuse(&mut self, entry: QueuedRequest, shed: Shed) {
        // The future may be gone, and then there is none to wake.
        if let Ok(waker) = entry.waiter.settle(Err(shed)) {
            self.add(waker);
        }
    }

    /// Wakes the futures.
    pub(in crate::concurrency::gate) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}
