//! Gives back booked places, charges and leases that are not used.
//!
//! These requests are sent like others, but no caller waits for their replies.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    call::request::{Bucket, BucketReply, Request},
    lease::{LEASE_REVIEW_TICKS, LeaseReview},
    queue::RequestQueue,
};
use crate::{
    limit::rules::{
        quota::Cost,
        script::{Operation, Scripted},
    },
    runtime::background,
};

impl<R: Scripted> RequestQueue<R> {
    /// Gives a booked place back, for which the caller no longer waits.
    pub(super) fn give_back(self: &Arc<Self>, bucket: Bucket, cost: Cost, reply: &BucketReply) {
        if let Some(charge) = reply.charge.filter(|_| reply.wait().is_some()) {
            self.tell_fuller(bucket, Operation::GiveBack(charge.undo(cost)));
        }
    }

    /// Undoes a charge of a request that does not pass after all.
    pub(super) fn undo(self: &Arc<Self>, bucket: Bucket, reply: &BucketReply) {
        if let Some(charge) = reply.charge {
            self.tell_fuller(bucket, Operation::Undo(charge.undo(reply.taken)));
        }
    }

    /// Tells Redis of a change that makes the bucket fuller.
    pub(super) fn tell_fuller(self: &Arc<Self>, bucket: Bucket, operation: Operation) {
        self.client.forget(bucket.hash);
        self.tell(bucket, operation);
    }

    /// Settles a reply whose caller has gone, or never waited for it.
    pub(super) fn missed(self: &Arc<Self>, request: &Request, reply: &BucketReply) {
        match request.operation {
            Operation::GiveBack(..)
            | Operation::Undo(..)
            | Operation::Return(..)
            | Operation::Settle(..)
            | Operation::Credit(_)
            | Operation::Reset => self.client.forget(request.bucket.hash),
            Operation::Hold(hold) => self.give_back_hold(&request.bucket, hold, reply),
            _ => self.give_back(request.bucket.clone(), reply.taken, reply),
        }
    }

    /// Starts the task that looks after a new lease. It runs in the background,
    /// because the lease outlives the runtime that was granted it.
    pub(super) fn attend_lease(self: &Arc<Self>, bucket: &Bucket) {
        background().spawn(look_after(Arc::downgrade(self), bucket.clone()));
    }
}

/// Looks after the lease of a bucket for as long as there is one, and gives
/// back what is not being spent. Does not keep the limiter alive.
async fn look_after<R: Scripted>(queue: Weak<RequestQueue<R>>, bucket: Bucket) {
    loop {
        sleep(Duration::from_micros(LEASE_REVIEW_TICKS)).await;
        let Some(queue) = queue.upgrade() else {
            return;
        };
        let Some(leases) = &queue.client.leases else {
            return;
        };
        match leases.look_after(bucket.hash) {
            LeaseReview::Keep => {}
            LeaseReview::Return(operation) => return queue.tell_fuller(bucket, operation),
            LeaseReview::Gone => return,
        }
    }
}
