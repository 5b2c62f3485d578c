//! The requests that wait for a call, and who may call.
//!
//! The state of the [queue](super) behind its lock. Each runtime has a
//! backlog of its own, because the tasks of another runtime may be stalled.

use std::{collections::VecDeque, mem, sync::Arc, time::Instant};

use tokio::runtime::Id;

use super::waiter::{CallWaiters, QueuedRequest, Waiter};
use crate::{
    limit::redis::call::request::Request,
    runtime::{Idle, Own, PerRuntime},
};

/// The most requests in one call. More would gain little, and keep the server
/// from others for longer.
const MAX_CALL_REQUESTS: usize = 512;

/// The most calls of queued requests under way at a time: while the server
/// works on one, the next is on its way.
const MAX_WORKERS: usize = 2;

/// How many requests have to wait for a second call beside one that carries
/// several. With fewer, the two calls cost the server more than the requests
/// in them: a call costs as much as ten requests.
pub(super) const MIN_SECOND_CALL: usize = 32;

/// The backlogs of one limiter.
#[derive(Default)]
pub(super) struct Backlogs(PerRuntime<Backlog>);

/// The bounds of the requests of a limiter and of their calls.
pub(super) struct QueueLimits {
    /// How many requests may wait for a call, on each runtime.
    pub(super) capacity: usize,
    /// Whether requests about several buckets share a call.
    pub(super) shares_calls: bool,
}

/// The requests of one runtime.
#[derive(Default)]
struct Backlog {
    /// In the order in which they came.
    requests: VecDeque<QueuedRequest>,
    /// The tasks that take from it.
    workers: usize,
    /// How many requests the last call took.
    last_call: usize,
    /// Whether a caller sends its own request just now.
    direct: bool,
    /// The queued requests that were sent and have no reply yet, by call.
    calls: Vec<Arc<CallWaiters>>,
    /// Whether a task answers those whose time is up.
    watched: bool,
}

/// The fate of a request that was offered to the queue.
pub(super) enum Admission {
    /// The caller sends it by itself. It must call
    /// [`end_direct`](Backlogs::end_direct) when it has the reply.
    Direct(Request),
    /// It waits for a call. The caller has to start the tasks.
    Queued(TasksToStart),
    /// As many requests wait already as may.
    Full,
}

/// The tasks that a queued request needs and that do not run yet.
pub(super) struct TasksToStart {
    /// One that sends requests.
    pub(super) worker: bool,
    /// One that answers those whose time is up.
    pub(super) watch: bool,
}

impl Backlogs {
    /// Adds a request, unless it `may_go_alone` and no other is queued or being
    /// sent.
    pub(super) fn offer(
        &self,
        runtime: Id,
        request: QueuedRequest,
        limits: &QueueLimits,
        may_go_alone: bool,
    ) -> Admission {
        let mut backlog = self.of(runtime);
        if may_go_alone && backlog.workers == 0 && !backlog.direct {
            backlog.direct = true;
            return Admission::Direct(request.request);
        }
        if backlog.requests.len() >= limits.capacity {
            return Admission::Full;
        }
        backlog.requests.push_back(request);
        let worker = backlog.needs_worker(limits.shares_calls);
        backlog.workers += usize::from(worker);
        let watch = !mem::replace(&mut backlog.watched, true);
        Admission::Queued(TasksToStart { worker, watch })
    }

    /// Lets the next caller of this runtime send its own request.
    pub(super) fn end_direct(&self, runtime: Id) {
        self.of(runtime).direct = false;
    }

    /// Takes the requests of the next call. `None` dismisses the worker that
    /// asked.
    pub(super) fn next(&self, runtime: Id) -> Option<Vec<QueuedRequest>> {
        let mut backlog = self.of(runtime);
        if backlog.requests.is_empty() {
            backlog.workers -= 1;
            return None;
        }
        let size = backlog.requests.len().min(MAX_CALL_REQUESTS);
        backlog.last_call = size;
        Some(backlog.requests.drain(..size).collect())
    }

    /// A worker ended with its runtime. Returns the requests that no other
    /// worker will send, to be dropped without the lock.
    pub(super) fn lose_worker(&self, runtime: Id) -> VecDeque<QueuedRequest> {
        let mut backlog = self.of(runtime);
        backlog.workers -= 1;
        match backlog.workers {
            0 => std::mem::take(&mut backlog.requests),
            _ => VecDeque::new(),
        }
    }

    /// Keeps the callers of a call, until [`end_call`](Self::end_call).
    pub(super) fn begin_call(&self, runtime: Id, waiters: Vec<Waiter>) -> Arc<CallWaiters> {
        let call = Arc::new(CallWaiters::new(waiters));
        self.of(runtime).calls.push(Arc::clone(&call));
        call
    }

    /// Forgets a call.
    pub(super) fn end_call(&self, runtime: Id, call: &Arc<CallWaiters>) {
        let is_other = |other: &Arc<CallWaiters>| !Arc::ptr_eq(other, call);
        self.of(runtime).calls.retain(is_other);
    }

    /// Takes the callers whose time is up, and drops their requests that were
    /// not sent. Also returns when the next one's is; `None` dismisses the task
    /// that asked.
    pub(super) fn take_late(&self, runtime: Id, now: Instant) -> (Vec<Waiter>, Option<Instant>) {
        let mut all = self.0.all();
        // Looked for here, because a runtime that has ended needs no new one.
        let Some((_, backlog)) = all.iter_mut().find(|(id, _)| *id == runtime) else {
            return (Vec::new(), None);
        };
        let mut late = backlog.take_late(now);
        let mut next = backlog
            .requests
            .iter()
            .find_map(|queued| queued.waiter.due());
        for call in &backlog.calls {
            let due = call.take_late(now, &mut late);
            next = [next, due].into_iter().flatten().min();
        }
        backlog.watched = next.is_some();
        (late, next)
    }

    /// Locks the backlogs of all runtimes, for as long as the result lives.
    fn of(&self, runtime: Id) -> Own<'_, Backlog> {
        self.0.of(runtime)
    }
}

impl Backlog {
    /// Takes the callers of queued requests whose time is up.
    fn take_late(&mut self, now: Instant) -> Vec<Waiter> {
        let mut late = Vec::new();
        self.requests.retain_mut(|queued| {
            let taken = queued.waiter.take_if_late(now);
            let is_in_time = taken.is_none();
            late.extend(taken);
            is_in_time
        });
        late
    }

    /// Whether the requests that wait are worth another call.
    ///
    /// Where calls carry one request each, nobody gains if one waits for
    /// another. Where they carry several, it is cheaper to wait for the call
    /// under way and share the next one.
    fn needs_worker(&self, shares_calls: bool) -> bool {
        match self.workers {
            0 => true,
            MAX_WORKERS.. => false,
            _ => {
                let waiting = self.requests.len();
                !shares_calls || self.last_call <= 1 || waiting >= MIN_SECOND_CALL
            }
        }
    }
}

impl Idle for Backlog {
    fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.workers == 0 && !self.direct && self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        limit::{
            redis::call::request::{Bucket, BucketResult, Epoch},
            rules::script::Operation,
        },
        redis::Error,
    };

    fn queued(until: Instant, reply: Option<oneshot::Sender<BucketResult>>) -> QueuedRequest {
        QueuedRequest {
            request: Request {
                bucket: Bucket {
                    name: Vec::new(),
                    hash: 0,
                },
                operation: Operation::Check(1),
                epoch: Epoch::default(),
                made_at: 0,
            },
            waiter: Waiter { until, reply },
        }
    }

    /// A backlog with this many waiting, beside one call.
    fn beside_a_call(last_call: usize, waiting: usize) -> Backlog {
        let request = || queued(Instant::now(), None);
        Backlog {
            requests: std::iter::repeat_with(request).take(waiting).collect(),
            workers: 1,
            last_call,
            ..Backlog::default()
        }
    }

    /// Offers a request to be answered by then.
    fn offer(backlogs: &Backlogs, runtime: Id, until: Instant) -> oneshot::Receiver<BucketResult> {
        let limits = QueueLimits {
            capacity: 9,
            shares_calls: true,
        };
        let (waiter, reply) = oneshot::channel();
        let admission = backlogs.offer(runtime, queued(until, Some(waiter)), &limits, false);
        assert!(matches!(admission, Admission::Queued(_)));
        reply
    }

    #[tokio::test]
    async fn callers_whose_time_is_up_are_taken_from_the_queue_and_from_calls() {
        let (backlogs, runtime) = (Backlogs::default(), tokio::runtime::Handle::current().id());
        let (first, second) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let sent = [first, second].map(|until| offer(&backlogs, runtime, until));
        let requests = backlogs.next(runtime).expect("two wait");
        let waiters = requests.into_iter().map(|queued| queued.waiter).collect();
        let call = backlogs.begin_call(runtime, waiters);
        let waiting = [first, second].map(|until| offer(&backlogs, runtime, until));
        let (late, next) = backlogs.take_late(runtime, first);
        assert_eq!((late.len(), next), (2, Some(second)));
        drop(late);
        let is_over = |reply: &mut oneshot::Receiver<_>| {
            matches!(reply.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        let over = sent
            .into_iter()
            .chain(waiting)
            .map(|mut reply| is_over(&mut reply));
        assert_eq!(over.collect::<Vec<_>>(), [true, false, true, false]);
        // The reply to a caller that was taken goes back to the worker.
        let mut waiters = call.take();
        assert!(waiters[0].answer(Err(Error::no_runtime())).is_some());
        let rest = backlogs.next(runtime).expect("one is in time");
        assert_eq!(rest.len(), 1);
        assert_eq!(backlogs.take_late(runtime, second).1, None);
    }

    #[tokio::test]
    async fn one_task_at_a_time_answers_those_whose_time_is_up() {
        let (backlogs, runtime) = (Backlogs::default(), tokio::runtime::Handle::current().id());
        let now = Instant::now();
        let limits = QueueLimits {
            capacity: 9,
            shares_calls: true,
        };
        let starts = || {
            let (waiter, _) = oneshot::channel();
            match backlogs.offer(runtime, queued(now, Some(waiter)), &limits, false) {
                Admission::Queued(tasks) => tasks.watch,
                _ => panic!("there is room"),
            }
        };
        assert!(starts() && !starts());
        assert_eq!(backlogs.take_late(runtime, now).1, None);
        assert!(starts());
    }

    #[test]
    fn few_requests_wait_for_a_call_that_carries_several() {
        assert!(!beside_a_call(2, 1).needs_worker(true));
        assert!(beside_a_call(2, MIN_SECOND_CALL).needs_worker(true));
    }

    #[test]
    fn a_request_does_not_wait_for_another_one_alone() {
        assert!(beside_a_call(1, 1).needs_worker(true));
    }

    #[test]
    fn no_request_waits_for_one_that_cannot_share_its_call() {
        assert!(beside_a_call(2, 1).needs_worker(false));
    }

    #[test]
    fn no_more_calls_are_under_way_than_may_be() {
        let mut backlog = beside_a_call(1, 10 * MIN_SECOND_CALL);
        backlog.workers = MAX_WORKERS;
        assert!(!backlog.needs_worker(true));
    }
}
