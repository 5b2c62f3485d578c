//! The entries of one runtime, ordered by time. [`TimerQueue`] locks it.
//!
//! A heap cannot remove an entry in its middle, so a removed value only leaves
//! its slot, and its entry stays until it is due or is swept. An entry finds
//! its value by a [`SlotKey`], which no longer matches once the slot has
//! another value.
//!
//! Adding and removing take O(log n) time, amortised, and no allocation once
//! the heap and the slots have grown to the number of values that there are at
//! once.
//!
//! [`TimerQueue`]: super::TimerQueue

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{sync::Notify, time::Instant};

use crate::runtime::Idle;

/// How many dead entries the heap may hold before a sweep is worth its cost.
pub(super) const MAX_SPARE_ENTRIES: usize = 64;

/// The next generation of a slot. It is shared by all queues, so that a key of
/// a queue that is gone matches no slot of another one.
static NEXT_GENERATION: AtomicU64 = AtomicU64::new(0);

/// A value that is told when its time is over.
pub(crate) trait Expire: Send + Sync {
    /// Called once, from the task of the queue, when the time is over.
    fn expire(&self);
}

/// A slot, and which of its successive values is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotKey {
    index: usize,
    generation: u64,
}

/// Room for one value at a time.
#[derive(Default)]
struct TimerSlot {
    /// That of the present value, or of the last one.
    generation: u64,
    value: Option<Arc<dyn Expire>>,
}

/// The entries of one runtime.
///
/// Values are in slots that are reused, so that to add one allocates nothing
/// once there are enough. An entry whose value was removed stays in the heap
/// until it is due, or until a sweep.
#[derive(Default)]
pub(super) struct Queue {
    /// The times of values, the earliest first. It may have entries whose value
    /// is gone.
    heap: BinaryHeap<Reverse<(Instant, SlotKey)>>,
    slots: Vec<TimerSlot>,
    /// The indices of slots without a value.
    free: Vec<usize>,
    /// Whether a task serves this queue.
    pub(super) has_task: bool,
    /// Until when the task waits; `None` while it has nothing to wait for.
    waits_until: Option<Instant>,
    /// Wakes the task for an earlier entry, or because the queue is gone.
    pub(super) wake: Arc<Notify>,
}

impl Queue {
    /// Adds a value, and wakes the task if it would sleep too long.
    pub(super) fn add(&mut self, at: Instant, value: Arc<dyn Expire>) -> SlotKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(TimerSlot::default());
            self.slots.len() - 1
        });
        let generation = NEXT_GENERATION.fetch_add(1, Relaxed);
        let value = Some(value);
        self.slots[index] = TimerSlot { generation, value };
        let key = SlotKey { index, generation };
        self.heap.push(Reverse((at, key)));
        self.wake_before(at);
        key
    }

    /// Wakes the task if it would sleep beyond this instant.
    fn wake_before(&mut self, at: Instant) {
        if self.has_task && self.waits_until.is_none_or(|until| at < until) {
            self.waits_until = Some(at);
            self.wake.notify_one();
        }
    }

    /// Takes a value out; `None` if it is gone already.
    pub(super) fn remove(&mut self, key: SlotKey) -> Option<Arc<dyn Expire>> {
        let slot = self.slots.get_mut(key.index)?;
        let removed = slot.value.take_if(|_| slot.generation == key.generation)?;
        self.free.push(key.index);
        self.sweep();
        Some(removed)
    }

    /// Returns the next value that is due by `now`, or else the instant of the
    /// earliest entry, if there is one.
    pub(super) fn due(&mut self, now: Instant) -> Result<Arc<dyn Expire>, Option<Instant>> {
        while let Some(Reverse((at, key))) = self.heap.peek().copied() {
            if at > now && is_live(&self.slots, key) {
                self.waits_until = Some(at);
                return Err(Some(at));
            }
            self.heap.pop();
            if let Some(value) = self.remove(key) {
                return Ok(value);
            }
        }
        self.waits_until = None;
        Err(None)
    }

    /// Whether there are values that no task waits for.
    pub(super) fn lacks_task(&self) -> bool {
        !self.has_task && self.free.len() < self.slots.len()
    }

    /// Drops dead entries once they are half of the heap, so that the cost for
    /// each entry is constant.
    fn sweep(&mut self) {
        let live = self.slots.len() - self.free.len();
        if self.heap.len() > 2 * live + MAX_SPARE_ENTRIES {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, key))| is_live(slots, *key));
        }
    }

    /// Returns the numbers of slots and of entries in the heap.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.slots.len(), self.heap.len())
    }
}

/// Returns whether the slot still has the value of this key.
fn is_live(slots: &[TimerSlot], key: SlotKey) -> bool {
    let slot = &slots[key.index];
    slot.generation == key.generation && slot.value.is_some()
}

/// A queue may be forgotten once it has neither values nor a task.
impl Idle for Queue {
    fn is_idle(&self) -> bool {
        !self.has_task && !self.lacks_task()
    }
}

/// Wakes the task, so that it ends.
impl Drop for Queue {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}
