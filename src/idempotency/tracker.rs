//! Counts work in the background, so that a process can wait for it.

use std::{future::Future, time::Duration};

use tokio::{task::JoinHandle, time::timeout};
use tokio_util::task::TaskTracker;

use crate::drain::DrainGuard;

/// Tracks work that outlives its caller, so that a process can wait for it
/// before it ends. Clones track the same work.
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
pub struct Tracker(TaskTracker);

impl Tracker {
    /// Creates a tracker without work.
    pub fn new() -> Self {
        let tracker = TaskTracker::new();
        // A closed one still takes new tasks, and its `wait` ends whenever
        // there are none.
        tracker.close();
        Self(tracker)
    }

    /// Spawns a task that runs to its end, even if its handle is dropped. A
    /// [drain](crate::drain) that the caller belongs to waits for it, too; its
    /// abort does not drop the task, which would look like work that failed.
    ///
    /// # Panics
    ///
    /// When it is called outside of a tokio runtime.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match DrainGuard::current() {
            Some(guard) => self.0.spawn(guard.hold(work)),
            None => self.0.spawn(work),
        }
    }

    /// Returns how many tasks are running.
    pub fn running(&self) -> usize {
        self.0.len()
    }

    /// Waits at most this long until no task is running. Returns how many still
    /// are. It also waits for tasks that are spawned meanwhile.
    pub async fn drain(&self, at_most: Duration) -> usize {
        let idle = async {
            while !self.0.is_empty() {
                self.0.wait().await;
            }
        };
        match timeout(at_most, idle).await {
            Ok(()) => 0,
            Err(_) => self.running(),
        }
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}
