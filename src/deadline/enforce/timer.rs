//! One timer for many bodies, which goes on when nobody polls them.
//!
//! A server does not poll a body while the client takes nothing, so a timer
//! inside of the body would never be looked at, and the body would keep what it
//! holds. Here one task, which begins with the first body, waits for the
//! earliest deadline of all. Each runtime has a task of its own for the bodies that
//! it polls, because another runtime may be blocked, or stand still.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::runtime::{Idle, PerRuntime};

/// Something that is told when its time is over.
pub(super) trait Expire: Send + Sync {
    fn expire(&self);
}

/// Keeps the deadlines of those who are watched.
#[derive(Default)]
pub(super) struct Watch {
    queues: PerRuntime<Queue>,
}

/// Names one who is watched.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    runtime: Id,
    at: Instant,
    seat: Seat,
}

/// A slot, and which of its holders.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    slot: usize,
    turn: u64,
}

/// Of all queues, so that a seat of a queue that is gone is none of another.
static TURNS: AtomicU64 = AtomicU64::new(0);

/// Those who are watched by a runtime are in slots that are used over and over, so
/// that to watch takes no memory once there is enough. What has left its slot stays
/// in the heap, until that is its turn or there is too much of it.
#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Reverse<(Instant, Seat)>>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Whether a task runs, and until when it waits.
    runs: bool,
    waits_until: Option<Instant>,
    /// Tells the task of an earlier deadline, or that it is not needed any more.
    news: Arc<Notify>,
}

#[derive(Default)]
struct Slot {
    turn: u64,
    watched: Option<Arc<dyn Expire>>,
}

impl Watch {
    /// Tells `watched` when it is time, from a task of this runtime.
    pub(super) fn add(self: &Arc<Self>, at: Instant, watched: Arc<dyn Expire>) -> Ticket {
        let runtime = Handle::current();
        let (seat, runs) = {
            let mut queue = self.queues.of(runtime.id());
            let seat = queue.add(at, watched);
            if queue.runs && queue.waits_until.is_none_or(|until| at < until) {
                queue.waits_until = Some(at);
                queue.news.notify_one();
            }
            (seat, queue.runs)
        };
        if !runs {
            self.begin(&runtime);
        }
        let runtime = runtime.id();
        Ticket { runtime, at, seat }
    }

    /// Begins the tasks that are needed: that of this runtime, and those of bodies
    /// whose runtime has ended.
    fn begin(self: &Arc<Self>, runtime: &Handle) {
        let needed: Vec<_> = {
            let mut queues = self.queues.all();
            let without = queues.iter_mut().filter(|(_, queue)| queue.lacks_task());
            let begun = without.map(|(id, queue)| {
                queue.runs = true;
                let is_adopted = *id != runtime.id();
                Task::of(self, *id, queue, is_adopted)
            });
            begun.collect()
        };
        // Not while the queue is locked: a runtime that is closing drops the task at
        // once, and that locks it, too.
        for task in needed {
            runtime.spawn(task.run());
        }
    }

    /// Has this runtime tell whom another one was to tell: it is the one that polls
    /// the body now.
    pub(super) fn follow(self: &Arc<Self>, ticket: &mut Ticket) {
        let here = Handle::try_current();
        if here.is_ok_and(|here| here.id() != ticket.runtime)
            && let Some(watched) = self.take(*ticket)
        {
            *ticket = self.add(ticket.at, watched);
        }
    }

    /// Does not tell it any more.
    pub(super) fn remove(&self, ticket: Ticket) {
        let removed = self.take(ticket);
        // Not under the lock: what is dropped may want it.
        drop(removed);
    }

    fn take(&self, ticket: Ticket) -> Option<Arc<dyn Expire>> {
        self.queues.of(ticket.runtime).remove(ticket.seat)
    }

    /// Tells all of a runtime's whose time is over, and answers when the next one's is.
    fn expire(&self, runtime: Id) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let due = self.queues.of(runtime).due(now);
            match due {
                // One whose drop panics must not take the others' deadlines along;
                // the panic has been reported by its hook.
                Ok(watched) => _ = catch_unwind(AssertUnwindSafe(|| watched.expire())),
                Err(next) => return next,
            }
        }
    }
}

impl Queue {
    fn add(&mut self, at: Instant, watched: Arc<dyn Expire>) -> Seat {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let turn = TURNS.fetch_add(1, Relaxed);
        let watched = Some(watched);
        self.slots[slot] = Slot { turn, watched };
        let seat = Seat { slot, turn };
        self.heap.push(Reverse((at, seat)));
        seat
    }

    fn remove(&mut self, seat: Seat) -> Option<Arc<dyn Expire>> {
        let slot = self.slots.get_mut(seat.slot)?;
        let removed = slot.watched.take_if(|_| slot.turn == seat.turn)?;
        self.free.push(seat.slot);
        self.sweep();
        Some(removed)
    }

    fn is_live(&self, seat: Seat) -> bool {
        is_live(&self.slots, seat)
    }

    fn lacks_task(&self) -> bool {
        !self.runs && self.free.len() < self.slots.len()
    }

    /// As often as half of the heap has gone, so that it costs each a constant.
    fn sweep(&mut self) {
        let live = self.slots.len() - self.free.len();
        if self.heap.len() > 2 * live + SPARE {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, seat))| is_live(slots, *seat));
        }
    }

    /// The next one whose time is over by now, or until when there is none.
    fn due(&mut self, now: Instant) -> Result<Arc<dyn Expire>, Option<Instant>> {
        while let Some(Reverse((at, seat))) = self.heap.peek().copied() {
            if at > now && self.is_live(seat) {
                self.waits_until = Some(at);
                return Err(Some(at));
            }
            self.heap.pop();
            if let Some(watched) = self.remove(seat) {
                return Ok(watched);
            }
        }
        self.waits_until = None;
        Err(None)
    }
}

fn is_live(slots: &[Slot], Seat { slot, turn }: Seat) -> bool {
    slots[slot].turn == turn && slots[slot].watched.is_some()
}

impl Idle for Queue {
    fn is_idle(&self) -> bool {
        !self.runs && !self.lacks_task()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.news.notify_one();
    }
}

/// How many that have gone are not worth a sweep.
const SPARE: usize = 64;

/// What waits. It ends with the last who knows the watch, or with the runtime that
/// it runs on; then the next body begins another, whichever runtime that is on.
struct Task {
    watch: Weak<Watch>,
    queue: Id,
    /// Whether it runs on another runtime than the queue's, so that there will be no
    /// more in it.
    is_adopted: bool,
    news: Arc<Notify>,
}

impl Task {
    fn of(watch: &Arc<Watch>, id: Id, queue: &Queue, is_adopted: bool) -> Self {
        Self {
            watch: Arc::downgrade(watch),
            queue: id,
            is_adopted,
            news: queue.news.clone(),
        }
    }

    async fn run(self) {
        while let Some(watch) = self.watch.upgrade() {
            let next = watch.expire(self.queue);
            drop(watch);
            let news = self.news.notified();
            match next {
                Some(next) => _ = timeout_at(next, news).await,
                None if self.is_adopted => return,
                None => news.await,
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.upgrade() {
            watch.queues.of(self.queue).runs = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        time::Duration,
    };

    use tokio::runtime::{Builder, Runtime};

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
            let queue = watch.queues.of(Handle::current().id());
            (queue.slots.len(), queue.heap.len())
        };
        assert!(
            slots == 1 && heap <= SPARE + 2,
            "{slots} slots, {heap} kept"
        );
        tokio::time::sleep(seconds(2)).await;
        assert_eq!((told.0.load(SeqCst), Arc::strong_count(&told)), (0, 1));
    }

    fn runtime() -> Runtime {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    }

    #[test]
    fn a_watch_outlives_its_runtime() {
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

    #[test]
    fn what_a_runtime_leaves_behind_is_told_by_another() {
        let (watch, left) = (Arc::new(Watch::default()), Arc::new(Told::default()));
        let start = Instant::now();
        for n in 1..=3 {
            runtime().block_on(async { watch.add(start + seconds(n), left.clone()) });
        }
        runtime().block_on(async {
            watch.add(start + seconds(9), Arc::new(Told::default()));
            tokio::time::sleep(seconds(4)).await;
            assert_eq!(left.0.load(SeqCst), 3);
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
        });
    }

    #[test]
    fn who_is_polled_elsewhere_is_told_there() {
        let (watch, told) = (Arc::new(Watch::default()), Arc::new(Told::default()));
        let (idle, polling) = (runtime(), runtime());
        let mut ticket = idle.block_on(async {
            let at = Instant::now() + seconds(1);
            watch.add(at, told.clone())
        });
        polling.block_on(async {
            watch.follow(&mut ticket);
            watch.follow(&mut ticket);
            tokio::time::sleep(seconds(2)).await;
        });
        assert_eq!(told.0.load(SeqCst), 1);
        watch.remove(ticket);
        assert_eq!(Arc::strong_count(&told), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_runs_for_a_watch_that_nobody_knows() {
        let watch = Arc::new(Watch::default());
        watch.add(Instant::now() + seconds(1), Arc::new(Told::default()));
        let metrics = Handle::current().metrics();
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 1);
        drop(watch);
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}
