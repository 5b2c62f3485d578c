//! The callers of this process that wait for work to end, by name. Each store
//! has them: it notifies the callers, which then claim the work again.
//! [`Waiting`](super::Waiting) decides who may wait, and for how long.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ahash::RandomState;
use tokio::sync::{Notify, futures::Notified};

use crate::sync::{Mutex, lock};

/// The waiting callers of one store.
#[derive(Debug)]
pub(super) struct Waiters<K> {
    /// The callers of all names. While it is zero, `notify` takes no lock.
    count: AtomicUsize,
    /// The callers of each name that any caller waits for.
    by_name: Mutex<HashMap<K, NameWaiters, RandomState>>,
}

/// The waiting callers of one name.
#[derive(Debug, Default)]
struct NameWaiters {
    /// Shared by the callers of the name.
    notify: Arc<Notify>,
    /// How many they are; the entry goes with the last.
    count: usize,
}

/// One waiting caller; dropping it ends the wait.
pub(super) struct Waiter<'a, K: Copy + Eq + Hash> {
    /// Where the caller is registered.
    waiters: &'a Waiters<K>,
    /// The name that it waits for.
    name: K,
    /// Wakes it, together with the others of its name.
    notify: Arc<Notify>,
}

impl<K: Copy + Eq + Hash> Waiters<K> {
    /// Adds a caller. It has to register and call [`Waiter::notified`] before it
    /// looks whether the work runs, or it could miss the end in between.
    pub(super) fn register(&self, name: K) -> Waiter<'_, K> {
        self.count.fetch_add(1, Relaxed);
        let mut by_name = lock(&self.by_name);
        let waiting = by_name.entry(name).or_default();
        waiting.count += 1;
        Waiter {
            waiters: self,
            name,
            notify: Arc::clone(&waiting.notify),
        }
    }

    /// Wakes the callers that wait for this name.
    ///
    /// A caller that registered and then saw the work run, under the lock or in
    /// the thread of the store, is seen here once the work has ended under the
    /// same lock.
    pub(super) fn notify(&self, name: &K) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        if let Some(waiting) = lock(&self.by_name).get(name) {
            waiting.notify.notify_waiters();
        }
    }

    /// Wakes all callers.
    #[cfg(any(feature = "durable", feature = "redis"))]
    pub(super) fn notify_all(&self) {
        let by_name = lock(&self.by_name);
        by_name
            .values()
            .for_each(|waiting| waiting.notify.notify_waiters());
    }
}

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            by_name: Mutex::default(),
        }
    }
}

impl<K: Copy + Eq + Hash> Waiter<'_, K> {
    /// Ends at the first notification from now on, polled or not.
    pub(super) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl<K: Copy + Eq + Hash> Drop for Waiter<'_, K> {
    fn drop(&mut self) {
        self.waiters.count.fetch_sub(1, Relaxed);
        let mut by_name = lock(&self.waiters.by_name);
        if let Some(waiting) = by_name.get_mut(&self.name) {
            waiting.count -= 1;
            if waiting.count == 0 {
                by_name.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_callers_that_no_longer_wait() {
        let waiters = Waiters::default();
        let (one, other) = (waiters.register(17), waiters.register(17));
        drop(one);
        assert_eq!(lock(&waiters.by_name).len(), 1);
        drop(other);
        assert_eq!(lock(&waiters.by_name).len(), 0);
        assert_eq!(waiters.count.load(Relaxed), 0);
    }

    #[tokio::test]
    async fn a_caller_is_notified_of_its_own_name_only() {
        let waiters = Waiters::default();
        let (one, other) = (waiters.register(1), waiters.register(2));
        let (mut one, mut other) = (Box::pin(one.notified()), Box::pin(other.notified()));
        one.as_mut().enable();
        other.as_mut().enable();
        waiters.notify(&1);
        one.await;
        assert!(!other.as_mut().enable());
    }
}
