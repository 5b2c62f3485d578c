//! Settles holds, or gives them back. No caller waits for the replies.

use std::sync::Arc;

use crate::limit::{
    redis::{
        call::request::{Bucket, BucketReply, ChargeId},
        queue::RequestQueue,
    },
    rules::{
        quota::Cost,
        script::{HoldRecord, HoldRequest, Operation, Scripted},
    },
};

impl<R: Scripted> RequestQueue<R> {
    /// Gives a hold back whose caller has gone.
    pub(in crate::limit::redis) fn give_back_hold(
        self: &Arc<Self>,
        bucket: &Bucket,
        request: HoldRequest,
        reply: &BucketReply,
    ) {
        if let Some(charge) = reply.charge {
            self.settle_hold(bucket, request, (charge, reply.is_held), 0);
        }
    }

    /// Puts the real cost in place of a charge. One that the script does not
    /// hold is settled like any other charge.
    pub(super) fn settle_hold(
        self: &Arc<Self>,
        bucket: &Bucket,
        request: HoldRequest,
        (charge, is_held): (ChargeId, bool),
        actual: Cost,
    ) {
        let operation = settlement(request, (charge, is_held), actual);
        if let Some(operation) = operation {
            self.tell_fuller(bucket.clone(), operation);
        }
    }
}

/// Returns the operation that puts the real cost in place of a charge; `None` if it
/// is charged already.
pub(in crate::limit::redis) fn settlement(
    request: HoldRequest,
    (charge, is_held): (ChargeId, bool),
    actual: Cost,
) -> Option<Operation> {
    if is_held {
        let ChargeId {
            due: at,
            mark,
            given_back,
        } = charge;
        let record = HoldRecord {
            request,
            at,
            mark,
            given_back,
        };
        return Some(Operation::Settle(record, actual));
    }
    match request.cost.checked_sub(actual) {
        Some(0) => None,
        Some(back) => Some(Operation::Undo(charge.undo(back))),
        None => Some(Operation::Debit(actual - request.cost)),
    }
}
