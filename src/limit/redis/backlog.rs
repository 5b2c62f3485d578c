//! The requests that wait for a call, and who may call.
//!
//! The state of the [queue](super::queue) behind its lock. Each runtime has a
//! backlog of its own, because the tasks of another runtime may be stalled.

use std::{collections::VecDeque, time::Duration};

use tokio::{runtime::Id, sync::oneshot, time::Instant};

use super::call::request::{BucketResult, Request};
use crate::{
    redis::Error,
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

/// What bounds the requests of a limiter and their calls.
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
}

/// A request, and the caller who waits for the reply.
pub(super) struct QueuedRequest {
    pub(super) request: Request,
    pub(super) waiter: Waiter,
}

/// Where a reply goes.
pub(super) struct Waiter {
    /// When it must have been answered.
    pub(super) until: Instant,
    /// `None` if the reply is of no interest.
    pub(super) reply: Option<oneshot::Sender<BucketResult>>,
}

impl Backlogs {
    /// Lets a caller of this runtime send its own request, if no request is
    /// queued or being sent. It must call [`end_direct`](Self::end_direct) when
    /// it has the reply.
    pub(super) fn begin_direct(&self, runtime: Id) -> bool {
        let mut backlog = self.of(runtime);
        let is_free = backlog.workers == 0 && !backlog.direct;
        backlog.direct |= is_free;
        is_free
    }

    /// Lets the next caller of this runtime send its own request.
    pub(super) fn end_direct(&self, runtime: Id) {
        self.of(runtime).direct = false;
    }

    /// Adds a request. Returns whether the caller has to start a worker, or
    /// `None` if as many requests wait already as may.
    pub(super) fn push(
        &self,
        runtime: Id,
        request: QueuedRequest,
        limits: &QueueLimits,
    ) -> Option<bool> {
        let mut backlog = self.of(runtime);
        if backlog.requests.len() >= limits.capacity {
            return None;
        }
        backlog.requests.push_back(request);
        let starts = backlog.needs_worker(limits.shares_calls);
        backlog.workers += usize::from(starts);
        Some(starts)
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

    /// Locks the backlogs of all runtimes, for as long as the result lives.
    fn of(&self, runtime: Id) -> Own<'_, Backlog> {
        self.0.of(runtime)
    }
}

impl Backlog {
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
        self.requests.is_empty() && self.workers == 0 && !self.direct
    }
}

impl QueuedRequest {
    /// Returns the parts of a request that is still worth sending.
    ///
    /// One whose caller has gone is dropped: it would be charged for nothing.
    /// One whose time is up is answered.
    pub(super) fn still_wanted(
        mut self,
        now: Instant,
        timeout: Duration,
    ) -> Option<(Request, Waiter)> {
        let Waiter { until, reply } = &self.waiter;
        let is_late = reply.is_some() && *until <= now;
        if reply.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return None;
        }
        if is_late {
            let _ = self.waiter.answer(Err(Error::late(timeout)));
            return None;
        }
        Some((self.request, self.waiter))
    }
}

impl Waiter {
    /// Delivers the reply, or returns it if the caller has gone.
    pub(super) fn answer(&mut self, reply: BucketResult) -> Option<BucketResult> {
        match self.reply.take() {
            Some(waiter) => waiter.send(reply).err(),
            None => Some(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{
        redis::call::request::{Bucket, Epoch},
        rules::script::Operation,
    };

    /// A backlog with this many waiting, beside one call.
    fn beside_a_call(last_call: usize, waiting: usize) -> Backlog {
        let request = || QueuedRequest {
            request: Request {
                bucket: Bucket {
                    name: Vec::new(),
                    hash: 0,
                },
                operation: Operation::Check(1),
                epoch: Epoch::default(),
                made_at: 0,
            },
            waiter: Waiter {
                until: Instant::now(),
                reply: None,
            },
        };
        Backlog {
            requests: std::iter::repeat_with(request).take(waiting).collect(),
            workers: 1,
            last_call,
            direct: false,
        }
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
