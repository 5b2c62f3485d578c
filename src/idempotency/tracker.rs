//! Work that outlives whoever asked for it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

/// Knows of work that outlives whoever asked for it, so that a process can wait
/// for its end before its own. Clones know of the same.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::idempotency::Tracker;
///
/// let tracker = Tracker::new();
/// drop(tracker.spawn(tokio::time::sleep(Duration::from_secs(3))));
/// assert_eq!(tracker.drain(Duration::from_secs(1)).await, 1);
/// assert_eq!(tracker.drain(Duration::from_secs(9)).await, 0);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tracker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    /// Told when nothing runs any more.
    idle: Notify,
}

impl Tracker {
    /// One that knows of nothing.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// Runs it to its end, whether anybody waits for that or not.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let _place = Place::of(self);
        tokio::spawn(Tracked { work, _place })
    }

    /// How much is running.
    pub fn running(&self) -> usize {
        self.shared.running.load(SeqCst)
    }

    /// Waits until nothing runs, but no longer than this; answers how much still
    /// does. What is spawned meanwhile is waited for too.
    pub async fn drain(&self, longest: Duration) -> usize {
        match timeout(longest, self.idle()).await {
            Ok(_) => 0,
            Err(_) => self.running(),
        }
    }

    async fn idle(&self) {
        loop {
            // Hears of what is said from here on.
            let idle = self.shared.idle.notified();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

pin_project! {
    // No `async` block, which would keep room for the work twice.
    struct Tracked<F> {
        #[pin]
        work: F,
        _place: Place,
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().work.poll(cx)
    }
}

/// One piece of work among the others.
struct Place(Tracker);

impl Place {
    fn of(tracker: &Tracker) -> Self {
        tracker.shared.running.fetch_add(1, SeqCst);
        Self(tracker.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Shared { running, idle } = &*self.0.shared;
        if running.fetch_sub(1, SeqCst) == 1 {
            idle.notify_waiters();
        }
    }
}
