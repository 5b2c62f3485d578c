//! The tasks of a queue: one sends what waits for a call, and one answers the
//! callers whose time is up.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Instant,
};

use ahash::RandomState;
use tokio::{
    runtime::{Handle, Id},
    task::yield_now,
    time::sleep_until,
};

use super::{
    backlog::MIN_SECOND_CALL,
    request_queue::RequestQueue,
    waiter::{CallWaiters, QueuedRequest, Waiter},
};
use crate::limit::{
    redis::call::{batch::Batch, request::Bucket},
    rules::script::Scripted,
};

/// Starts a task that sends queued requests.
pub(super) fn start_worker<R: Scripted>(queue: &Arc<RequestQueue<R>>, runtime: &Handle) {
    runtime.spawn(work(Worker {
        queue: Arc::clone(queue),
        runtime: runtime.id(),
        dismissed: false,
    }));
}

/// A task that sends queued requests.
struct Worker<R: Scripted> {
    queue: Arc<RequestQueue<R>>,
    runtime: Id,
    /// Whether it ended because nothing was left to send.
    dismissed: bool,
}

/// Sends queued requests until there are none.
async fn work<R: Scripted>(mut worker: Worker<R>) {
    let Worker { queue, runtime, .. } = &worker;
    while let Some(requests) = queue.backlogs.next(*runtime) {
        let is_small = (2..MIN_SECOND_CALL).contains(&requests.len());
        // In a cluster each bucket is in a slot of its own, and so needs a call
        // of its own.
        if queue.client.connection.is_cluster() {
            let calls = by_bucket(requests).map(|requests| queue.send_together(*runtime, requests));
            futures_util::future::join_all(calls).await;
        } else {
            queue.send_together(*runtime, requests).await;
        }
        if is_small {
            // The callers that were answered ask again at once, if they do, and
            // share the next call.
            yield_now().await;
        }
    }
    worker.dismissed = true;
}

/// Splits requests by bucket, and keeps the order of those about one bucket.
fn by_bucket(requests: Vec<QueuedRequest>) -> impl Iterator<Item = Vec<QueuedRequest>> {
    let mut buckets: HashMap<u64, Vec<QueuedRequest>, RandomState> = HashMap::default();
    for request in requests {
        let hash = request.request.bucket.hash;
        buckets.entry(hash).or_default().push(request);
    }
    buckets.into_values()
}

impl<R: Scripted> Drop for Worker<R> {
    /// Its runtime ended before it was done. The requests it had taken fail,
    /// and so do those that no worker is left to send.
    fn drop(&mut self) {
        if !self.dismissed {
            // Without the lock, because a caller that hears of it may ask again
            // at once.
            drop(self.queue.backlogs.lose_worker(self.runtime));
        }
    }
}

/// Answers the callers of a runtime whose time is up, until none waits.
///
/// It runs in the background, because the worker may be stalled. Does not keep the
/// limiter alive.
pub(super) async fn answer_late<R: Scripted>(queue: Weak<RequestQueue<R>>, runtime: Id) {
    while let Some(queue) = queue.upgrade() {
        let (late, next) = queue.backlogs.take_late(runtime, Instant::now());
        let timeout = queue.client.connection.timeout();
        late.into_iter()
            .for_each(|mut waiter| waiter.answer_late(timeout));
        drop(queue);
        let Some(next) = next else {
            return;
        };
        sleep_until(next.into()).await;
    }
}

impl<R: Scripted> RequestQueue<R> {
    /// Sends requests in one call, and answers their callers.
    async fn send_together(self: &Arc<Self>, runtime: Id, requests: Vec<QueuedRequest>) {
        let (now, timeout) = (Instant::now(), self.client.connection.timeout());
        let wanted = requests
            .into_iter()
            .filter_map(|request| request.still_wanted(now, timeout));
        let (requests, waiters): (Vec<_>, Vec<_>) = wanted.unzip();
        if requests.is_empty() {
            return;
        }
        let batch = Batch::of(requests);
        let call = QueuedCallGuard::begin(self, runtime, waiters);
        let mut waiters = None;
        let answer = |position: usize, reply| {
            let waiters: &mut Vec<Waiter> = waiters.get_or_insert_with(|| call.waiters.take());
            let request = &batch.requests()[position];
            match waiters[position].answer(reply) {
                Some(Ok(missed)) => self.missed(request, &missed),
                // What made the bucket fuller may have been carried out even so.
                Some(Err(_)) => self.client.forget(request.bucket.hash),
                None => {}
            }
        };
        let unattended = |bucket: &Bucket| self.attend_lease(bucket);
        self.client.send(&batch, answer, unattended).await;
    }
}

/// The callers of a call under way. It is forgotten on drop, and those that were
/// not answered fail.
struct QueuedCallGuard<'a, R: Scripted> {
    queue: &'a RequestQueue<R>,
    runtime: Id,
    waiters: Arc<CallWaiters>,
}

impl<'a, R: Scripted> QueuedCallGuard<'a, R> {
    fn begin(queue: &'a RequestQueue<R>, runtime: Id, waiters: Vec<Waiter>) -> Self {
        let waiters = queue.backlogs.begin_call(runtime, waiters);
        Self {
            queue,
            runtime,
            waiters,
        }
    }
}

impl<R: Scripted> Drop for QueuedCallGuard<'_, R> {
    fn drop(&mut self) {
        self.queue.backlogs.end_call(self.runtime, &self.waiters);
    }
}
