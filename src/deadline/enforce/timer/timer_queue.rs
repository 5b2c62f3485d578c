//! The queue that its users hold: the entries of all runtimes, and their tasks.
//!
//! A task is spawned when it is needed: with the first value on its runtime,
//! and with the first value after its runtime has ended. It does not own the
//! queue.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};

use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::queue::{Expire, Queue, SlotKey};
use crate::runtime::PerRuntime;

/// Tells values when their time is over, from one task on each runtime.
///
/// Each runtime has its own task, because another one may be blocked, or may
/// not be driven at present. Values of a runtime that has ended are taken over
/// by the next runtime that adds one.
#[derive(Default)]
pub(crate) struct TimerQueue {
    queues: PerRuntime<Queue>,
}

/// Names a value in a [`TimerQueue`].
#[derive(Clone, Copy)]
pub(crate) struct TimerKey {
    /// The runtime on which it was added.
    runtime: Id,
    at: Instant,
    slot: SlotKey,
}

impl TimerQueue {
    /// Tells `value` at this instant, from a task of the current runtime.
    ///
    /// # Panics
    ///
    /// When it is called outside of a tokio runtime.
    pub(crate) fn add(self: &Arc<Self>, at: Instant, value: Arc<dyn Expire>) -> TimerKey {
        let handle = Handle::current();
        let runtime = handle.id();
        let (slot, has_task) = {
            let mut queue = self.queues.of(runtime);
            (queue.add(at, value), queue.has_task)
        };
        if !has_task {
            self.spawn_tasks(&handle);
        }
        TimerKey { runtime, at, slot }
    }

    /// Spawns the tasks that are needed: that of this runtime, and those for
    /// values whose runtime has ended.
    fn spawn_tasks(self: &Arc<Self>, runtime: &Handle) {
        let needed: Vec<_> = {
            let mut queues = self.queues.all();
            let without = queues.iter_mut().filter(|(_, queue)| queue.lacks_task());
            let tasks = without.map(|(id, queue)| {
                queue.has_task = true;
                let is_adopted = *id != runtime.id();
                TimerTask::new(self, *id, queue.wake.clone(), is_adopted)
            });
            tasks.collect()
        };
        // Not while the queues are locked: a runtime that is shutting down
        // drops the task at once, and that locks them, too.
        for task in needed {
            runtime.spawn(task.run());
        }
    }

    /// Moves a value to the current runtime, if it was added on another one,
    /// which may be blocked or no longer driven. Outside of a runtime it does
    /// nothing.
    pub(crate) fn follow(self: &Arc<Self>, key: &mut TimerKey) {
        let here = Handle::try_current();
        if here.is_ok_and(|here| here.id() != key.runtime)
            && let Some(value) = self.take(*key)
        {
            *key = self.add(key.at, value);
        }
    }

    /// Removes a value. Does nothing if it was told already.
    pub(crate) fn remove(&self, key: TimerKey) {
        let removed = self.take(key);
        // Not under the lock: the drop of a value may want it.
        drop(removed);
    }

    /// Takes a value out; `None` if it was told or removed already.
    fn take(&self, key: TimerKey) -> Option<Arc<dyn Expire>> {
        self.queues.of(key.runtime).remove(key.slot)
    }

    /// Tells all values of a runtime that are due; returns the instant of the
    /// next one.
    fn expire(&self, runtime: Id) -> Option<Instant> {
        let now = Instant::now();
        loop {
            // The lock is not held while a value is told.
            let due = self.queues.of(runtime).due(now);
            match due {
                // A panic has been reported by its hook. It must not end the
                // task, on which all other values of the runtime depend.
                Ok(value) => _ = catch_unwind(AssertUnwindSafe(|| value.expire())),
                Err(next) => return next,
            }
        }
    }

    /// Notes that the task of a runtime has ended.
    fn task_ended(&self, runtime: Id) {
        self.queues.of(runtime).has_task = false;
    }

    /// Returns the numbers of slots and of heap entries of this runtime.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        self.queues.of(Handle::current().id()).sizes()
    }
}

/// Waits until values are due, and has the queue tell them.
///
/// It ends when the last owner of the queue is gone, or with the runtime that
/// it runs on. The next value that is added then spawns another one, on
/// whichever runtime that is.
struct TimerTask {
    queue: Weak<TimerQueue>,
    /// The runtime whose values it tells.
    of: Id,
    /// Whether it runs on another runtime than `of`, which has ended, so that
    /// no value will be added.
    is_adopted: bool,
    /// Of the queue; kept here, because the queue is not kept while waiting.
    wake: Arc<Notify>,
}

impl TimerTask {
    fn new(queue: &Arc<TimerQueue>, of: Id, wake: Arc<Notify>, is_adopted: bool) -> Self {
        Self {
            queue: Arc::downgrade(queue),
            of,
            is_adopted,
            wake,
        }
    }

    /// Tells values until the queue is gone.
    async fn run(self) {
        while let Some(queue) = self.queue.upgrade() {
            let next = queue.expire(self.of);
            // Not kept while waiting, so that the queue can end.
            drop(queue);
            let wake = self.wake.notified();
            match next {
                Some(next) => _ = timeout_at(next, wake).await,
                None if self.is_adopted => return,
                None => wake.await,
            }
        }
    }
}

/// Lets the next value that is added spawn another task.
impl Drop for TimerTask {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.task_ended(self.of);
        }
    }
}
