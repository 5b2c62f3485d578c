//! The callers that wait for a bucket: first come, first served.
//!
//! A place in a queue is a booking in the bucket's own state, with an instant
//! at which it falls due. When a caller leaves the queue, those behind it move
//! up, each to the instant of the one before, and the booking of the last of
//! them goes back into the bucket. So nothing can pass sooner than the rule
//! allows. A place lapses instead if a caller behind it needs more than the
//! place has to give.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{
    clock::Tick,
    limit::rules::quota::Cost,
    sync::{Mutex, lock},
};

/// The callers that wait for one bucket, in the order in which they came.
type WaitQueue = VecDeque<Arc<QueuedCaller>>;

/// The queues of one limiter, by the hash of the key. Empty queues are not
/// kept.
#[derive(Debug, Default)]
pub(super) struct WaitQueues(HashMap<u64, WaitQueue>);

/// A caller that waits for its booking.
pub(super) struct QueuedCaller {
    /// How much it has booked.
    cost: Cost,
    /// Moves up when a caller before this one leaves.
    due: Mutex<Due>,
    /// Wakes the caller when `due` has changed.
    moved: Notify,
}

/// When a booking falls due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// For the timer.
    pub(super) instant: Instant,
    /// The same on the clock of the limiter.
    pub(super) at: Tick,
}

impl WaitQueues {
    /// Returns the number of callers that wait for a bucket.
    pub(super) fn len(&self, key: u64) -> usize {
        self.0.get(&key).map_or(0, VecDeque::len)
    }

    /// Adds a caller whose booking falls due at `due`.
    pub(super) fn join(&mut self, key: u64, cost: Cost, due: Due) -> Arc<QueuedCaller> {
        let caller = Arc::new(QueuedCaller {
            cost,
            due: Mutex::new(due),
            moved: Notify::new(),
        });
        self.0.entry(key).or_default().push_back(caller.clone());
        caller
    }

    /// Forgets a queue. Its callers still pass when they are due.
    pub(super) fn clear(&mut self, key: u64) {
        self.0.remove(&key);
    }

    /// Leaves the queue. Returns the cost that goes back into the bucket: 0 if
    /// the booking is due, and so used, or if it lapses.
    pub(super) fn leave(&mut self, key: u64, caller: &Arc<QueuedCaller>) -> Cost {
        let Some(queue) = self.0.get_mut(&key) else {
            return 0;
        };
        let Some(position) = queue.iter().position(|other| Arc::ptr_eq(other, caller)) else {
            return 0;
        };
        queue.remove(position);
        let due = caller.due();
        let free = if due.instant > Instant::now() {
            move_up(queue.range(position..), due, caller.cost)
        } else {
            0
        };
        if queue.is_empty() {
            self.0.remove(&key);
        }
        free
    }
}

/// Moves each caller to the booking of the one before it, beginning with a
/// booking that became free. Returns the cost of the booking that is left over,
/// or 0 if one was too small for the caller behind it.
fn move_up<'a>(behind: impl Iterator<Item = &'a Arc<QueuedCaller>>, due: Due, cost: Cost) -> Cost {
    let (mut due, mut cost) = (due, cost);
    for caller in behind {
        if caller.cost > cost {
            return 0;
        }
        // After a credit from outside, a later caller may be due sooner.
        if caller.due().instant <= due.instant {
            continue;
        }
        due = caller.move_to(due);
        cost = caller.cost;
    }
    cost
}

impl QueuedCaller {
    /// Sleeps until the booking is due, however often it is moved.
    pub(super) async fn wait(&self) {
        // A timeout means that the booking was not moved until it was due.
        while timeout_at(self.due().instant, self.moved.notified())
            .await
            .is_ok()
        {}
    }

    /// Returns when the booking falls due, as of now.
    pub(super) fn due(&self) -> Due {
        *lock(&self.due)
    }

    /// Sets a new instant, and returns the old one.
    fn move_to(&self, due: Due) -> Due {
        let mut own = lock(&self.due);
        self.moved.notify_one();
        std::mem::replace(&mut own, due)
    }
}

impl fmt::Debug for QueuedCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedCaller")
            .field("cost", &self.cost)
            .field("due", &self.due())
            .finish()
    }
}
