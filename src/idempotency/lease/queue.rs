//! The renewals that are not due yet. A
//! [`Claimant`](crate::idempotency::Claimant) and its clones share one queue.
//!
//! # Why not the `TimerQueue` of `deadline::enforce`
//!
//! * Its task stays for as long as the queue lives. The task here ends with the
//!   last renewal, so that a claimant without leases leaves nothing on a
//!   runtime that is to end.
//! * It tells a value that its time has come while its lock is free. Here a renewal that was removed must
//!   never start, so renewals start under the lock.
//! * It hands the values of a runtime that has ended to another one. A lease
//!   whose runtime has ended is not renewed at all: its work has ended with it.

use std::{
    collections::BTreeMap,
    fmt, mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    runtime::Id,
    time::{Instant, sleep_until},
};

use super::renewal::Renewal;
use crate::{
    idempotency::store::Store,
    runtime::{Idle, PerRuntime},
};

/// Renewals that wait until they are due for the first time.
///
/// Most work has ended by then and never needs a task or a timer of its own:
/// all leases that a claimant holds on one runtime share one timer. Each
/// runtime has its own, because a lease must not lapse while another runtime is
/// blocked or not driven.
#[derive(Clone)]
pub(crate) struct RenewalQueue<S>(Arc<PerRuntime<Queued<S>>>);

/// The place of a renewal in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueKey {
    runtime: Id,
    order: Order,
}

/// When a renewal is due, and a number that tells it from others of that time.
type Order = (Instant, u64);

/// The next number of an [`Order`]. It is shared by all queues, so that a key
/// never matches a renewal of another one.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The renewals of one runtime.
struct Queued<S> {
    renewals: BTreeMap<Order, Arc<Renewal<S>>>,
    /// When the timer fires, if it is set.
    timer: Option<Instant>,
}

impl<S> Default for Queued<S> {
    fn default() -> Self {
        Self {
            renewals: BTreeMap::new(),
            timer: None,
        }
    }
}

/// It may be forgotten when it has neither renewals nor a timer.
impl<S> Idle for Queued<S> {
    fn is_idle(&self) -> bool {
        self.renewals.is_empty() && self.timer.is_none()
    }
}

impl<S> RenewalQueue<S> {
    /// Creates an empty queue.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Removes a renewal. One that was started is no longer here, and goes on.
    pub(super) fn remove(&self, key: QueueKey) {
        // The caller holds the renewal too, so that its drop, which may take a
        // lock of the store, does not run under this one.
        self.0.of(key.runtime).renewals.remove(&key.order);
    }
}

impl<S: Store> RenewalQueue<S> {
    /// Adds a renewal, which is started when it is due.
    pub(super) fn add(&self, renewal: &Arc<Renewal<S>>) -> QueueKey {
        let (runtime, due) = (&renewal.runtime, renewal.due());
        let mut queued = self.0.of(runtime.id());
        let order = (due, NEXT.fetch_add(1, Relaxed));
        match queued.timer {
            // The timer is for a longer lease, or this claim took long. It is
            // rare, so it has a task at once instead of a timer to move.
            Some(timer) if due < timer => Arc::clone(renewal).start(),
            Some(_) => queued.add(order, renewal),
            None => {
                queued.add(order, renewal);
                queued.timer = Some(due);
                // `spawn` on a runtime that is shutting down drops the task at
                // once, and its drop takes this lock.
                drop(queued);
                let timer = RenewalTimer(Arc::downgrade(&self.0), runtime.id());
                runtime.spawn(timer.run(due));
            }
        }
        let runtime = runtime.id();
        QueueKey { runtime, order }
    }
}

impl<S: Store> Queued<S> {
    /// Adds a renewal, without a look at the timer.
    fn add(&mut self, order: Order, renewal: &Arc<Renewal<S>>) {
        self.renewals.insert(order, Arc::clone(renewal));
    }

    /// Starts all renewals that are due. Returns when the next one is.
    fn start_due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(first) = self.renewals.first_entry()
            && first.key().0 <= now
        {
            first.remove().start();
        }
        self.timer = self.renewals.keys().next().map(|(due, _)| *due);
        self.timer
    }
}

/// The task that starts the renewals of a runtime. It ends when the queue is
/// empty.
struct RenewalTimer<S: Store>(Weak<PerRuntime<Queued<S>>>, Id);

impl<S: Store> RenewalTimer<S> {
    /// Starts renewals when they are due, until there are none.
    async fn run(mut self, mut due: Instant) {
        loop {
            sleep_until(due).await;
            match self.start_due() {
                Some(next) => due = next,
                // Another timer may be set by now, so `drop` must not clear it.
                None => return self.0 = Weak::new(),
            }
        }
    }

    /// Starts all renewals that are due; `None` if there is nothing left to
    /// wait for.
    fn start_due(&self) -> Option<Instant> {
        let queue = self.0.upgrade()?;
        queue.of(self.1).start_due(Instant::now())
    }
}

impl<S: Store> Drop for RenewalTimer<S> {
    /// Clears the queue of a runtime that was shut down and renews no more.
    fn drop(&mut self) {
        if let Some(queue) = self.0.upgrade() {
            let queued = mem::take(&mut *queue.of(self.1));
            // After the lock was released, because the drop of a renewal may
            // take that lock.
            drop(queued);
        }
    }
}

impl<S> fmt::Debug for RenewalQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.all();
        let queued: usize = all.iter().map(|(_, it)| it.renewals.len()).sum();
        f.debug_struct("RenewalQueue")
            .field("queued", &queued)
            .finish()
    }
}
