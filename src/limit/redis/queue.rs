//! Decides which requests share a call.
//!
//! A caller sends its own request, without a detour, if no other request is
//! being sent. All others queue, and a worker takes everything that waits into
//! one call, again and again until nothing waits. If calls carry several
//! requests, new ones wait for the call under way and share the next, unless
//! they are enough for a second call. There is no timer: calls grow by
//! themselves when more is asked than replies come.
//!
//! The limiter stands on this, and this on the [client](super::client).

use std::{collections::HashMap, sync::Arc};

use ahash::RandomState;
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    task::yield_now,
    time::Instant,
};

use super::{
    backlog::{Backlogs, MIN_SECOND_CALL, QueueLimits, QueuedRequest, Waiter},
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
        let permit = if waits {
            None
        } else {
            self.permit(runtime.id())
        };
        if let Some(permit) = permit {
            return PendingCall::direct(async move { permit.queue.send_alone(request).await });
        }
        let (waiter, reply) = oneshot::channel();
        match self.push(runtime, request, Some(waiter)) {
            Ok(until) => PendingCall::Queued(QueuedCall {
                reply,
                until,
                timeout: self.client.connection.timeout(),
                sleep: None,
            }),
            Err(error) => PendingCall::failed(error),
        }
    }

    /// Sends a request whose reply is of no interest.
    pub(super) fn tell(self: &Arc<Self>, bucket: Bucket, operation: Operation) {
        let request = self.client.request(bucket, operation);
        let runtime = Handle::try_current().unwrap_or_else(|_| background());
        // If the queue is full, it is not sent. A lease is asked for again, and
        // a cost that was not given back comes back as time passes.
        let _ = self.push(&runtime, request, None);
    }

    /// Returns a permit to send alone, if no other request of this runtime is
    /// being sent or if requests do not share calls.
    fn permit(self: &Arc<Self>, runtime: Id) -> Option<DirectCallPermit<R>> {
        let is_free = !self.coalesce || self.backlogs.begin_direct(runtime);
        is_free.then(|| DirectCallPermit {
            queue: self.clone(),
            runtime,
        })
    }

    /// Queues a request. Returns when it must have been answered.
    fn push(
        self: &Arc<Self>,
        runtime: &Handle,
        request: Request,
        reply: Option<oneshot::Sender<BucketResult>>,
    ) -> Result<Instant, Error> {
        let until = Instant::now() + self.client.connection.timeout();
        let waiter = Waiter { until, reply };
        let queued = QueuedRequest { request, waiter };
        let Some(starts) = self.backlogs.push(runtime.id(), queued, &self.limits) else {
            self.client.counters.count(RequestEvent::Overloaded);
            return Err(Error::overloaded(self.limits.capacity));
        };
        if starts {
            // The lock is not held here: a runtime that is closing drops the
            // worker at once, and the drop takes the lock.
            runtime.spawn(work(Worker {
                queue: self.clone(),
                runtime: runtime.id(),
                dismissed: false,
            }));
        }
        Ok(until)
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
    async fn send_together(self: &Arc<Self>, requests: Vec<QueuedRequest>) {
        let (now, timeout) = (Instant::now(), self.client.connection.timeout());
        let wanted = requests
            .into_iter()
            .filter_map(|request| request.still_wanted(now, timeout));
        let (requests, mut waiters): (Vec<_>, Vec<_>) = wanted.unzip();
        if requests.is_empty() {
            return;
        }
        let batch = Batch::of(requests);
        let answer = |position: usize, reply| {
            if let Some(Ok(missed)) = waiters[position].answer(reply) {
                self.missed(&batch.requests()[position], &missed);
            }
        };
        let unattended = |bucket: &Bucket| self.attend_lease(bucket);
        self.client.send(&batch, answer, unattended).await;
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
            let calls = by_bucket(requests).map(|requests| queue.send_together(requests));
            futures_util::future::join_all(calls).await;
        } else {
            queue.send_together(requests).await;
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
