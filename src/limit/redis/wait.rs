//! Callers that wait until their booked place is due.
//!
//! The place itself is a booking in Redis, in one line for the whole fleet.
//! This process counts its own callers in that line, because
//! [`Wait::queue`] bounds how many there may be.
//!
//! [`Wait::queue`]: crate::limit::Wait::queue

use std::{collections::HashMap, convert::Infallible, future::Future, sync::Arc, time::Duration};

use ahash::RandomState;
use tokio::time::sleep;

use super::{
    call::request::{Bucket, BucketReply},
    queue::RequestQueue,
};
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{quota::Cost, script::Scripted},
    },
    sync::{Mutex, lock},
};

/// How many callers in this process wait, or may have to, by bucket.
#[derive(Default)]
pub(super) struct WaitCounts(Mutex<HashMap<u64, usize, RandomState>>);

/// A caller that is counted, from its request on until this is dropped.
pub(super) struct CountedCaller {
    /// The counts from which it is taken when it is dropped.
    counts: Arc<WaitCounts>,
    hash: u64,
}

impl WaitCounts {
    /// Returns how many callers are counted for a bucket.
    pub(super) fn len(&self, hash: u64) -> usize {
        lock(&self.0).get(&hash).copied().unwrap_or(0)
    }

    /// Counts a caller, unless `max` are counted already.
    pub(super) fn join(self: &Arc<Self>, hash: u64, max: usize) -> Option<CountedCaller> {
        let mut counts = lock(&self.0);
        let count = counts.get(&hash).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        counts.insert(hash, count + 1);
        let counts = Arc::clone(self);
        Some(CountedCaller { counts, hash })
    }
}

impl Drop for CountedCaller {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts.0);
        if let Some(count) = counts.get_mut(&self.hash) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.hash);
            }
        }
    }
}

/// A booked place. Dropped before it is due, it is given back.
pub(super) struct BookedPlace<R: Scripted> {
    /// Gives the place back.
    queue: Arc<RequestQueue<R>>,
    /// `None` when the place is due.
    bucket: Option<Bucket>,
    /// As it was booked.
    cost: Cost,
    reply: BucketReply,
    /// Dropped last: the caller counts until its place was given back.
    _counted: CountedCaller,
}

impl<R: Scripted> BookedPlace<R> {
    /// The caller has been counted since its request.
    pub(super) fn new(
        queue: Arc<RequestQueue<R>>,
        counted: CountedCaller,
        bucket: Bucket,
        cost: Cost,
        reply: BucketReply,
    ) -> Self {
        Self {
            queue,
            bucket: Some(bucket),
            cost,
            reply,
            _counted: counted,
        }
    }

    /// Waits for so many ticks, counted from this call, and then takes the
    /// place.
    pub(super) fn wait(
        mut self,
        ticks: Tick,
    ) -> impl Future<Output = Result<Decision, Infallible>> + Send {
        let due = sleep(Duration::from_micros(ticks));
        async move {
            due.await;
            Ok(self.take())
        }
    }

    /// Takes the place, which is due. It is not given back any more.
    pub(super) fn take(&mut self) -> Decision {
        self.bucket = None;
        self.reply.decision.when_due()
    }
}

impl<R: Scripted> Drop for BookedPlace<R> {
    fn drop(&mut self) {
        if let Some(bucket) = self.bucket.take() {
            self.queue.give_back(bucket, self.cost, &self.reply);
        }
    }
}
