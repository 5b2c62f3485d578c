//! A bucket in Redis as a member of an [`All`](crate::limit::All).

use std::hash::Hash;

use super::{
    call::request::Bucket, check_all::AllRequest, failure_policy::Policy, limiter::Redis,
    member_request::MemberRequest,
};
use crate::{
    clock::Tick,
    key::StoreKey,
    limit::{
        all::MemberError,
        decision::Decision,
        hold::Holding,
        limiter::Wait,
        member::{BucketId, Member, MemberBucket},
        reservation::{Charge, CheckRequest, Reserved, Rollback},
        rules::script::{Operation, Scripted},
    },
};

/// A bucket in Redis, with its limiter.
pub(crate) struct RedisBucket<'a, R: Scripted, P: Policy> {
    /// The member itself.
    limiter: &'a Redis<R, P>,
    bucket: Bucket,
    /// The policy's ticket of the key.
    ticket: u64,
}

impl<R: Scripted, P: Policy> RedisBucket<'_, R, P> {
    /// A request to perform an operation. `waits` if it waits for a booked place.
    fn request(
        &self,
        request: CheckRequest,
        operation: Operation,
        waits: bool,
    ) -> Box<dyn AllRequest> {
        let client = self.limiter.client();
        Box::new(MemberRequest {
            limiter: self.limiter.clone(),
            to_script: client.request(self.bucket.clone(), operation),
            waits,
            ticket: self.ticket,
            request,
        })
    }

    /// Only a rule with a queue makes a member wait.
    fn max_wait(&self, wait: Option<Wait>) -> Tick {
        match self.limiter.rule().queues() {
            true => self.limiter.max_wait(self.bucket.hash, wait),
            false => 0,
        }
    }
}

impl<R: Scripted, P: Policy> MemberBucket for RedisBucket<'_, R, P> {
    fn id(&self) -> BucketId<'_> {
        let client = self.limiter.client();
        BucketId {
            store: client.connection.id(),
            key: 0,
            name: &self.bucket.name,
            rule: &client.terms,
        }
    }

    fn is_remote(&self) -> bool {
        true
    }

    /// `None`: a bucket in Redis is reserved by the request that `remote`
    /// returns.
    fn reserve(&self, _request: CheckRequest) -> Option<Reserved> {
        None
    }

    fn hold(&self, CheckRequest { cost, wait }: CheckRequest) -> Holding<MemberError> {
        // Only a rule with a queue makes a member wait.
        let wait = wait.filter(|_| self.limiter.rule().queues());
        let bucket = self.bucket.clone();
        let holding = self.limiter.hold_in(bucket, self.ticket, cost, wait);
        holding.map_err(Into::into)
    }

    /// A cost that a bucket never seen denies can never pass.
    fn certain_denial(&self, request: CheckRequest) -> Option<Decision> {
        let client = self.limiter.client();
        let never = Some(client.unseen(request.cost)).filter(Decision::is_denied);
        let max_wait = self.max_wait(request.wait);
        never.or_else(|| {
            self.limiter
                .recall_denial(self.bucket.hash, request.cost, max_wait)
        })
    }

    fn unseen(&self) -> Decision {
        self.limiter.client().unseen(0)
    }

    /// Nothing was charged yet.
    fn roll_back(&self, _charge: Charge) {}

    fn guard(&self, _charge: Charge) -> Rollback {
        Rollback::nothing()
    }

    fn remote(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        let CheckRequest { cost, wait } = request;
        let max_wait = self.max_wait(wait);
        let operation = Operation::Take(1, cost, max_wait);
        Some(self.request(request, operation, wait.is_some() && max_wait > 0))
    }

    /// `None` for a rule with a queue, whose holds may have to wait.
    fn remote_hold(&self, request: CheckRequest) -> Option<Box<dyn AllRequest>> {
        if self.limiter.rule().queues() {
            return None;
        }
        let hold = self.limiter.client().holds.request(request.cost, 0);
        Some(self.request(request, Operation::Hold(hold), false))
    }
}

impl<R: Scripted, P: Policy, K: StoreKey + Hash + ?Sized> Member<K> for Redis<R, P> {
    type Bucket<'a> = RedisBucket<'a, R, P>;

    fn bucket<'a>(&'a self, key: &K) -> Self::Bucket<'a> {
        RedisBucket {
            limiter: self,
            bucket: self.client().bucket(key),
            ticket: self.policy.ticket(key),
        }
    }
}
