//! The requests of a limiter, and how they get to its client. Everything else in
//! `limit::redis` that sends a request stands on this.

use std::{sync::Arc, time::Instant};

use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
};

use super::{
    backlog::{Admission, Backlogs, QueueLimits, TasksToStart},
    waiter::{QueuedRequest, Waiter},
    worker::{answer_late, start_worker},
};
use crate::{
    limit::{
        redis::{
            call::{
                batch::Batch,
                pending::{PendingCall, QueuedCall},
                request::{Bucket, BucketResult, Request},
            },
            client::Client,
            counts::RequestEvent,
            wait::WaitCounts,
        },
        rules::script::{Operation, Scripted},
    },
    redis::Error,
    runtime::background,
};

/// The requests of one limiter, on their way to its client.
///
/// Shared by the clones of the limiter, its workers, and the checks under way.
pub(in crate::limit::redis) struct RequestQueue<R: Scripted> {
    /// The layer below, which sends batches.
    pub(in crate::limit::redis) client: Client<R>,
    /// The requests that wait, by runtime.
    pub(super) backlogs: Backlogs,
    /// Whether requests may share calls.
    coalesce: bool,
    limits: QueueLimits,
    /// The callers that wait for a booked place.
    pub(in crate::limit::redis) waiting: Arc<WaitCounts>,
}

impl<R: Scripted> RequestQueue<R> {
    /// `capacity` bounds the requests that wait on each runtime.
    pub(in crate::limit::redis) fn new(client: Client<R>, coalesce: bool, capacity: usize) -> Self {
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
    pub(in crate::limit::redis) fn call(
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
    pub(in crate::limit::redis) fn tell(self: &Arc<Self>, bucket: Bucket, operation: Operation) {
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
            start_worker(self, runtime);
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
