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
            self.settle_hold(bucket, request, (charge, reply.held), 0);
        }
    }

    /// Puts the real cost in place of a charge. One that the script does not
    /// hold is settled like any other charge.
    pub(super) fn settle_hold(
        self: &Arc<Self>,
        bucket: &Bucket,
        request: HoldRequest,
        (charge, held): (ChargeId, Option<(u64, u64)>),
        actual: Cost,
    ) {
        let operation = settlement(request, (charge, held), actual);
        if let Some(operation) = operation {
            self.tell_fuller(bucket.clone(), operation);
        }
    }
}

/// Returns the operation that puts the real cost in place of a charge; `None` if it
/// is charged already.
pub(in crate::limit::redis) fn settlement(
    request: HoldRequest,
    (charge, held): (ChargeId, Option<(u64, u64)>),
    actual: Cost,
) -> Option<Operation> {
    let ChargeId { due: at, mark } = charge;
    Some(match (held, request.cost.checked_sub(actual)) {
        (Some((refunds, credits)), _) => {
            let record = HoldRecord {
                request,
                at,
                mark,
                refunds,
                credits,
            };
            Operation::Settle(record, actual)
        }
        (None, Some(0)) => return None,
        // Without its mark, because what was given back since is unknown.
        (None, Some(back)) => Operation::Undo(back, at, 0),
        (None, None) => Operation::Debit(actual - request.cost),
    })
}
