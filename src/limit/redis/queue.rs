//! Decides which requests share a call.
//!
//! A caller sends its own request, without a detour, if no other request is
//! being sent. All others queue, and a worker takes everything that waits into
//! one call, again and again until nothing waits. If calls carry several
//! requests, new ones wait for the call under way and share the next, unless
//! they are enough for a second call. No timer delays a call: calls grow by
//! themselves when more is asked than replies come.
//!
//! Callers have no timers of their own, which would take longer than the rest of a
//! request. A task in the [background](crate::runtime) answers those whose time is up,
//! also if the worker is stalled.
//!
//! The limiter stands on this, and this on the [client](super::client).

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Instant,
};

use ahash::RandomState;
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    task::yield_now,
    time::sleep_until,
};

use super::{
    backlog::{
        Admission, Backlogs, CallWaiters, MIN_SECOND_CALL, QueueLimits, QueuedRequest,
        TasksToStart, Waiter,
    },
    call::{
        batch::Batch,
        pending::{PendingCall, QueuedCall},
        request::{Bucket, BucketResult, Request},
    },
    client::Client,
    counts::RequestEvent,
    wait::WaitCounts,
};
use crate::{
    limit::rules::script::{Operation, Scripted},
    redis::Error,
    runtime::background,
};

/// The requests of one limiter, on their way to its client.
///
/// Shared by the clones of the limiter, its workers, and the checks under way.
pub(super) struct RequestQueue<R: Scripted> {
    /// The layer below, which sends batches.
    pub(super) client: Client<R>,
    /// The requests that wait, by runtime.
    backlogs: Backlogs,
    /// Whether requests may share calls.
    coalesce: bool,
    limits: QueueLimits,
    /// The callers that wait for a booked place.
    pub(super) waiting: Arc<WaitCounts>,
}

impl<R: Scripted> RequestQueue<R> {
    /// `capacity` bounds the requests that wait on each runtime.
    pub(super) fn new(client: Client<R>, coalesce: bool, capacity: usize) -> Self {
        let limits = QueueLimits {
            capacity,
            shares_calls: !client.connection.is_cluster(),
        };
        Self {
            client,
            backlogs: Backlogs::default(),
            coalesce,
            limits,
            waiting: Arc::default(),
        }
    }

    /// Sends a request, alone or with others.
    ///
    /// With `waits`, always with others: the worker gives a booked place back
    /// if the caller has gone when the reply comes.
    pub(super) fn call(
        self: &Arc<Self>,
        bucket: Bucket,
        operation: Operation,
        waits: bool,
    ) -> PendingCall {
        if let Some(error) = self.client.connection.rejection() {
            return PendingCall::failed(error);
        }
        let request = self.client.request(bucket, operation);
        match Handle::try_current() {
            Ok(runtime) => self.call_on(&runtime, request, waits),
            // Called outside of a runtime: the one that polls it is used.
            Err(_) => {
                let queue = self.clone();
                PendingCall::direct(async move {
                    let runtime = Handle::try_current().map_err(|_| Error::no_runtime())?;
                    queue.call_on(&runtime, request, waits).await
                })
            }
        }
    }

    /// Sends a request from a task of this runtime.
    fn call_on(self: &Arc<Self>, runtime: &Handle, request: Request, waits: bool) -> PendingCall {
        if !self.coalesce && !waits {
            let queue = Arc::clone(self);
            return PendingCall::direct(async move { queue.send_alone(request).await });
        }
        let (waiter, reply) = oneshot::channel();
        match self.offer(runtime, request, Some(waiter), !waits) {
            Admission::Direct(request) => {
                let permit = DirectCallPermit {
                    queue: Arc::clone(self),
                    runtime: runtime.id(),
                };
                PendingCall::direct(async move { permit.queue.send_alone(request).await })
            }
            Admission::Queued(_) => PendingCall::Queued(QueuedCall { reply }),
            Admission::Full => PendingCall::failed(Error::overloaded(self.limits.capacity)),
        }
    }

    /// Sends a request whose reply is of no interest.
    pub(super) fn tell(self: &Arc<Self>, bucket: Bucket, operation: Operation) {
        let request = self.client.request(bucket, operation);
        let runtime = Handle::try_current().unwrap_or_else(|_| background());
        // If the queue is full, it is not sent. A lease is asked for again, and
        // a cost that was not given back comes back as time passes.
        let _ = self.offer(&runtime, request, None, false);
    }

    /// Queues a request, and starts the tasks that it needs, unless it may and
    /// can be sent alone.
    fn offer(
        self: &Arc<Self>,
        runtime: &Handle,
        request: Request,
        reply: Option<oneshot::Sender<BucketResult>>,
        may_go_alone: bool,
    ) -> Admission {
        let until = Instant::now() + self.client.connection.timeout();
        let waiter = Waiter { until, reply };
        let queued = QueuedRequest { request, waiter };
        let id = runtime.id();
        let admission = self.backlogs.offer(id, queued, &self.limits, may_go_alone);
        match &admission {
            Admission::Direct(_) => {}
            Admission::Queued(tasks) => self.start(runtime, tasks),
            Admission::Full => self.client.counters.count(RequestEvent::Overloaded),
        }
        admission
    }

    /// Starts tasks. The lock is not held here: a runtime that is closing drops
    /// a worker at once, and the drop takes the lock.
    fn start(self: &Arc<Self>, runtime: &Handle, tasks: &TasksToStart) {
        if tasks.worker {
            runtime.spawn(work(Worker {
                queue: Arc::clone(self),
                runtime: runtime.id(),
                dismissed: false,
            }));
        }
        if tasks.watch {
            background().spawn(answer_late(Arc::downgrade(self), runtime.id()));
        }
    }

    /// Sends a request in a call of its own, polled by its caller.
    async fn send_alone(self: &Arc<Self>, request: Request) -> BucketResult {
        let (batch, mut result) = (Batch::single(request), None);
        let answer = |_, reply| result = Some(reply);
        let unattended = |bucket: &Bucket| self.attend_lease(bucket);
        self.client.send(&batch, answer, unattended).await;
        result.unwrap_or_else(|| Err(Error::reply("a decision")))
    }

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

/// Lets the next caller of this runtime send its own request when this one has
/// its reply, or is dropped.
struct DirectCallPermit<R: Scripted> {
    queue: Arc<RequestQueue<R>>,
    runtime: Id,
}

impl<R: Scripted> Drop for DirectCallPermit<R> {
    fn drop(&mut self) {
        self.queue.backlogs.end_direct(self.runtime);
    }
}

/// Answers the callers of a runtime whose time is up, until none waits.
///
/// It runs in the background, because the worker may be stalled. Does not keep the
/// limiter alive.
async fn answer_late<R: Scripted>(queue: Weak<RequestQueue<R>>, runtime: Id) {
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
