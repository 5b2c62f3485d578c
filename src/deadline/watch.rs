//! One timer for many bodies, which goes on when nobody polls them.
//!
//! A server does not poll a body while the client takes nothing, so a timer
//! inside of the body would never be looked at, and the body would keep what it
//! holds. Here one task, which begins with the first body, waits for the
//! earliest deadline of all.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::sync::{Mutex, MutexGuard, lock};

/// Something that is told when its time is over.
pub(super) trait Expire: Send + Sync {
    fn expire(&self);
}

/// Keeps the deadlines of those who are watched.
#[derive(Default)]
pub(super) struct Watch {
    queue: Mutex<Queue>,
    /// Tells the task of an earlier deadline, or that it is not needed any more.
    news: Arc<Notify>,
}

/// Names one who is watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    slot: usize,
    turn: u64,
}

/// Those who are watched are in slots that are used over and over, so that to
/// watch takes no memory once there is enough. What has left its slot stays in
/// the heap, until that is its turn or there is too much of it.
#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Reverse<(Instant, Ticket)>>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Whether the task runs, and until when it waits.
    runs: bool,
    waits_until: Option<Instant>,
}

#[derive(Default)]
struct Slot {
    turn: u64,
    watched: Option<Arc<dyn Expire>>,
}

impl Watch {
    /// Tells `watched` when it is time.
    pub(super) fn add(self: &Arc<Self>, at: Instant, watched: Arc<dyn Expire>) -> Ticket {
        let mut queue = lock(&self.queue);
        let ticket = queue.add(at, watched);
        if !queue.runs {
            self.begin(queue);
        } else if queue.waits_until.is_none_or(|until| at < until) {
            queue.waits_until = Some(at);
            drop(queue);
            self.news.notify_one();
        }
        ticket
    }

    /// Begins the task again, if its runtime has ended and this one is another's.
    pub(super) fn go_on(self: &Arc<Self>) {
        let queue = lock(&self.queue);
        if !queue.runs && !queue.heap.is_empty() {
            self.begin(queue);
        }
    }

    /// Not while the queue is locked: a runtime that is closing drops the task at
    /// once, and that locks it, too.
    fn begin(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>) {
        queue.runs = true;
        drop(queue);
        tokio::spawn(Task::of(self).run());
    }

    /// Does not tell it any more.
    pub(super) fn remove(&self, ticket: Ticket) {
        let removed = lock(&self.queue).remove(ticket);
        // Not under the lock: what is dropped may want it.
        drop(removed);
    }

    /// Tells all whose time is over, and answers when the next one's is.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let due = lock(&self.queue).due(now);
            match due {
                // One whose drop panics must not take the others' deadlines along;
                // the panic has been reported by its hook.
                Ok(watched) => _ = catch_unwind(AssertUnwindSafe(|| watched.expire())),
                Err(next) => return next,
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.news.notify_one();
    }
}

impl Queue {
    fn add(&mut self, at: Instant, watched: Arc<dyn Expire>) -> Ticket {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let Slot {
            turn,
            watched: kept,
        } = &mut self.slots[slot];
        *kept = Some(watched);
        let ticket = Ticket { slot, turn: *turn };
        self.heap.push(Reverse((at, ticket)));
        ticket
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Arc<dyn Expire>> {
        let slot = &mut self.slots[ticket.slot];
        if slot.turn != ticket.turn {
            return None;
        }
        slot.turn += 1;
        self.free.push(ticket.slot);
        let removed = slot.watched.take();
        self.sweep();
        removed
    }

    /// As often as half of the heap has gone, so that it costs each a constant.
    fn sweep(&mut self) {
        let live = self.slots.len() - self.free.len();
        if self.heap.len() > 2 * live + SPARE {
            let slots = &self.slots;
            let is_live = |ticket: &Ticket| slots[ticket.slot].turn == ticket.turn;
            self.heap.retain(|Reverse((_, ticket))| is_live(ticket));
        }
    }

    /// The next one whose time is over by now, or until when there is none.
    fn due(&mut self, now: Instant) -> Result<Arc<dyn Expire>, Option<Instant>> {
        while let Some(Reverse((at, ticket))) = self.heap.peek().copied() {
            if at > now && self.slots[ticket.slot].turn == ticket.turn {
                self.waits_until = Some(at);
                return Err(Some(at));
            }
            self.heap.pop();
            if let Some(watched) = self.remove(ticket) {
                return Ok(watched);
            }
        }
        self.waits_until = None;
        Err(None)
    }
}

/// How many that have gone are not worth a sweep.
const SPARE: usize = 64;

/// What waits. It ends with the last who knows the watch, or with the runtime;
/// then the next body begins another.
struct Task {
    watch: Weak<Watch>,
    news: Arc<Notify>,
}

impl Task {
    fn of(watch: &Arc<Watch>) -> Self {
        Self {
            watch: Arc::downgrade(watch),
            news: watch.news.clone(),
        }
    }

    async fn run(self) {
        while let Some(watch) = self.watch.upgrade() {
            let next = watch.expire();
            drop(watch);
            let news = self.news.notified();
            match next {
                Some(next) => _ = timeout_at(next, news).await,
                None => news.await,
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.upgrade() {
            lock(&watch.queue).runs = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        time::Duration,
    };

    use super::*;

    #[derive(Default)]
    struct Told(AtomicUsize);

    impl Expire for Told {
        fn expire(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_told_at_its_own_time() {
        let (watch, start) = (Arc::new(Watch::default()), Instant::now());
        let all: Vec<_> = [3, 1, 2].map(|n| (n, Arc::new(Told::default()))).into();
        for (n, told) in &all {
            watch.add(start + seconds(*n), told.clone());
            tokio::task::yield_now().await;
        }
        for now in 1..=3 {
            tokio::time::sleep_until(start + seconds(now)).await;
            tokio::task::yield_now().await;
            for (n, told) in &all {
                assert_eq!(told.0.load(SeqCst), usize::from(*n <= now), "{n} at {now}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_removed_is_not_told_and_takes_no_room() {
        let watch = Arc::new(Watch::default());
        let told = Arc::new(Told::default());
        for _ in 0..1_000 {
            let ticket = watch.add(Instant::now() + seconds(1), told.clone());
            watch.remove(ticket);
            watch.remove(ticket);
        }
        let (slots, heap) = {
            let queue = lock(&watch.queue);
            (queue.slots.len(), queue.heap.len())
        };
        assert!(
            slots == 1 && heap <= SPARE + 2,
            "{slots} slots, {heap} kept"
        );
        tokio::time::sleep(seconds(2)).await;
        assert_eq!((told.0.load(SeqCst), Arc::strong_count(&told)), (0, 1));
    }

    #[test]
    fn a_watch_outlives_its_runtime() {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap()
        };
        let watch = Arc::new(Watch::default());
        for _ in 0..2 {
            let told = Arc::new(Told::default());
            runtime().block_on(async {
                watch.add(Instant::now() + seconds(1), told.clone());
                tokio::time::sleep(seconds(2)).await;
            });
            assert_eq!(told.0.load(SeqCst), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_runs_for_a_watch_that_nobody_knows() {
        let watch = Arc::new(Watch::default());
        watch.add(Instant::now() + seconds(1), Arc::new(Told::default()));
        let metrics = tokio::runtime::Handle::current().metrics();
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 1);
        drop(watch);
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}
