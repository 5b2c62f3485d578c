//! The request of a member of an [`All`](crate::limit::All) in Redis.

use super::{
    call::{
        pending::PendingCall,
        replay::ReadBucket,
        request::{BucketReply, BucketResult, Request},
    },
    check_all::AllRequest,
    failure_policy::Policy,
    hold::settlement,
    limiter::Redis,
    wait::BookedPlace,
};
use crate::{
    clock::Tick,
    limit::{
        hold::Holding,
        reservation::{CheckRequest, GuardedDecision, Reservation, Rollback},
        rules::{
            quota::Cost,
            script::{HoldRequest, Operation, ReplyReader, Scripted},
        },
    },
    redis::{Connection, Error, ErrorKind},
};
/// A member's request, which is still to be sent or to be settled.
pub(super) struct MemberRequest<R: Scripted, P: Policy> {
    /// Cloned, because the request outlives the borrow of the member.
    pub(super) limiter: Redis<R, P>,
    /// The request to the script.
    pub(super) to_script: Request,
    /// Whether it waits for a booked place.
    pub(super) waits: bool,
    /// The policy's ticket of the key.
    pub(super) ticket: u64,
    /// The request of the caller, for the policy to decide.
    pub(super) request: CheckRequest,
}

impl<R: Scripted, P: Policy> AllRequest for MemberRequest<R, P> {
    fn connection(&self) -> &Connection {
        &self.limiter.client().connection
    }

    fn part(&self) -> (&str, &[u8], Operation) {
        let Request {
            bucket, operation, ..
        } = &self.to_script;
        (&self.limiter.client().terms, &bucket.name, *operation)
    }

    fn send_alone(&self) -> PendingCall {
        let Request {
            bucket, operation, ..
        } = &self.to_script;
        self.limiter
            .queue
            .call(bucket.clone(), *operation, self.waits)
    }

    fn count(&self) {
        self.limiter.client().counters.count_call(1, 1);
    }

    fn read_reply(&self, now: Tick, numbers: &mut ReplyReader<'_>) -> BucketResult {
        let client = self.limiter.client();
        let reply = self.replay(now, numbers);
        match &reply {
            Ok(reply) => {
                client.learn_eviction_policy(&self.to_script.bucket);
                client.counters.count_lapsed(reply.lapsed);
            }
            Err(error) if error.kind() == ErrorKind::Unreadable => {
                client.report_unreadable(&self.to_script.bucket);
            }
            Err(_) => {}
        }
        reply
    }

    fn settle(&self, reply: BucketResult, charged: bool) -> Result<GuardedDecision, Error> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return self.fall_back(error),
        };
        let decision = reply.decision;
        let rollback = match charged && reply.taken > 0 {
            true => self.guard(reply),
            false => Rollback::nothing(),
        };
        Ok(GuardedDecision { decision, rollback })
    }

    fn hold(&self, reply: BucketResult) -> Holding<Error> {
        let bucket = self.to_script.bucket.clone();
        let holding = self
            .limiter
            .hold_of(bucket, self.ticket, self.hold_request(), reply);
        holding.map_err(Into::into)
    }

    fn settlement(&self, reply: &BucketReply, actual: Cost) -> Option<Operation> {
        let bucket = &self.to_script.bucket;
        self.limiter.client().forget(bucket.hash);
        let charge = (reply.charge?, reply.is_held);
        match settlement(self.hold_request(), charge, actual)? {
            settles @ Operation::Settle(..) => Some(settles),
            other => {
                self.limiter.queue.tell_fuller(bucket.clone(), other);
                None
            }
        }
    }

    fn read_settlement(&self, operation: Operation, now: Tick, numbers: &mut ReplyReader<'_>) {
        let client = self.limiter.client();
        client.forget(self.to_script.bucket.hash);
        if let Ok(Some(bucket)) = ReadBucket::read(&client.rule, operation, now, numbers) {
            client.counters.count_lapsed(bucket.lapsed());
        }
    }
}

impl<R: Scripted, P: Policy> MemberRequest<R, P> {
    /// The request of a hold.
    fn hold_request(&self) -> HoldRequest {
        match self.to_script.operation {
            Operation::Hold(request) => request,
            other => unreachable!("a group of holds only has holds, and not {other:?}"),
        }
    }

    /// Reads the bucket, makes its decision, and remembers a denial.
    fn replay(&self, now: Tick, numbers: &mut ReplyReader<'_>) -> BucketResult {
        let (client, request) = (self.limiter.client(), &self.to_script);
        let bucket = ReadBucket::read(&client.rule, request.operation, now, numbers)?;
        let mut bucket = bucket.ok_or_else(|| Error::unreadable("a limit"))?;
        let reply = bucket.replay(&client.rule, now, request.operation)?;
        if let Some(denial) = bucket.denial(request, now, &reply) {
            client.remember(&denial);
        }
        Ok(reply)
    }

    /// Guards what Redis charged, so that it can be rolled back.
    fn guard(&self, reply: BucketReply) -> Rollback {
        let (queue, bucket) = (self.limiter.queue.clone(), self.to_script.bucket.clone());
        // There was room for one more caller when the request was made.
        let counted = self.limiter.queue.waiting.join(bucket.hash, usize::MAX);
        match reply.wait().filter(|_| self.waits).zip(counted) {
            Some((ticks, counted)) => {
                let place = BookedPlace::new(queue, counted, bucket, self.request.cost, reply);
                Rollback::place(Reservation::new(place.wait(ticks)))
            }
            None => Rollback::charge(move || queue.undo(bucket, &reply)),
        }
    }

    /// Lets the policy decide, because Redis did not.
    fn fall_back(&self, error: Error) -> Result<GuardedDecision, Error> {
        let (client, request) = (self.limiter.client(), self.request);
        let unseen = || GuardedDecision {
            decision: client.unseen(request.cost),
            rollback: Rollback::nothing(),
        };
        let error = client.report_fallback(error);
        let decided = self
            .limiter
            .policy
            .fall_back(error, unseen, |local| local.reserve(self.ticket, request));
        decided.map_err(Into::into)
    }
}
