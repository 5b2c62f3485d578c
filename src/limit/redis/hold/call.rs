//! The path of a hold, from its request to its settlement.
//!
//! A settlement is sent without waiting for its reply. If it is lost, the hold
//! lapses at the end of its term.

use std::{
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::sleep;

use crate::limit::redis::{
    call::{
        pending::PendingCall,
        request::{Bucket, BucketReply, BucketResult},
    },
    failure_policy::Policy,
    limiter::Redis,
    queue::RequestQueue,
    wait::CountedCaller,
};
use crate::{
    key::StoreKey,
    limit::{
        hold::{Held, HeldCharge, Hold, HoldError, HoldLimiter, Holding},
        limiter::Wait,
        reservation::CheckRequest,
        rules::{
            quota::Cost,
            script::{HoldRequest, Operation, Scripted},
        },
    },
    redis::Error,
};

impl<R: Scripted, P: Policy, K: StoreKey + Hash + ?Sized> HoldLimiter<K> for Redis<R, P> {
    fn hold(&self, key: &K, estimate: Cost) -> Holding<P::Error> {
        self.start_hold(key, estimate, None)
    }

    fn hold_until_ready(&self, key: &K, estimate: Cost, wait: Wait) -> Holding<P::Error> {
        self.start_hold(key, estimate, Some(wait))
    }
}

impl<R: Scripted, P: Policy> Redis<R, P> {
    /// Charges the estimate, or waits for it within `wait`.
    fn start_hold<K>(&self, key: &K, estimate: Cost, wait: Option<Wait>) -> Holding<P::Error>
    where
        K: StoreKey + Hash + ?Sized,
    {
        let bucket = self.client().bucket(key);
        self.hold_in(bucket, self.policy.ticket(key), estimate, wait)
    }

    /// The same in a bucket. The call is made by a worker, which gives the
    /// charge back if the caller has gone when the reply comes. `ticket` is the policy's ticket of its key.
    pub(in crate::limit::redis) fn hold_in(
        &self,
        bucket: Bucket,
        ticket: u64,
        estimate: Cost,
        wait: Option<Wait>,
    ) -> Holding<P::Error> {
        let mut max_wait = self.max_wait(bucket.hash, wait);
        if let Some(denial) = self.recall_denial(bucket.hash, estimate, max_wait) {
            return Holding::now(Err(HoldError::Denied(denial)));
        }
        let waits = wait.filter(|_| max_wait > 0);
        let counted = waits.map(|wait| self.queue.waiting.join(bucket.hash, wait.max_queue()));
        if let Some(None) = counted {
            max_wait = 0;
        }
        let request = self.client().holds.request(estimate, max_wait);
        let call = self
            .queue
            .call(bucket.clone(), Operation::Hold(request), true);
        let held = HeldBucket {
            queue: self.queue.clone(),
            bucket,
            request,
        };
        let call = HoldCall { call, held };
        let fallback = CheckRequest {
            cost: estimate,
            wait,
        };
        let limiter = self.clone();
        let counted = counted.flatten();
        Holding::later(async move {
            match call.await {
                Ok(answer) => answer.hold(counted).await,
                Err(error) => limiter.hold_by_policy(ticket, fallback, error).await,
            }
        })
    }

    /// Returns the hold of a reply that came for several buckets, or that of the
    /// policy.
    pub(in crate::limit::redis) fn hold_of(
        &self,
        bucket: Bucket,
        ticket: u64,
        request: HoldRequest,
        reply: BucketResult,
    ) -> Holding<P::Error> {
        let held = HeldBucket {
            queue: self.queue.clone(),
            bucket,
            request,
        };
        match reply {
            Ok(reply) => Holding::now(DecidedHold { held, reply }.hold_now()),
            Err(error) => {
                let (cost, wait) = (request.cost, None);
                let request = CheckRequest { cost, wait };
                Holding::later(self.clone().hold_by_policy(ticket, request, error))
            }
        }
    }
}

/// The bucket of a hold, by the request that charges it.
#[derive(Clone)]
struct HeldBucket<R: Scripted> {
    queue: Arc<RequestQueue<R>>,
    bucket: Bucket,
    request: HoldRequest,
}

/// A hold under way. Dropped, it gives the charge back if the reply had come and
/// was not read; if it comes later, the worker does.
struct HoldCall<R: Scripted> {
    call: PendingCall,
    held: HeldBucket<R>,
}

/// A hold that Redis has decided about.
struct DecidedHold<R: Scripted> {
    held: HeldBucket<R>,
    reply: BucketReply,
}

impl<R: Scripted> Unpin for HoldCall<R> {}

impl<R: Scripted> Future for HoldCall<R> {
    type Output = Result<DecidedHold<R>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let decided = |reply: BucketResult| {
            let held = this.held.clone();
            reply.map(|reply| DecidedHold { held, reply })
        };
        Pin::new(&mut this.call).poll(cx).map(decided)
    }
}

impl<R: Scripted> Drop for HoldCall<R> {
    fn drop(&mut self) {
        if let PendingCall::Queued(call) = &mut self.call
            && let Some(reply) = call.close()
        {
            let HeldBucket {
                queue,
                bucket,
                request,
            } = &self.held;
            queue.give_back_hold(bucket, *request, &reply);
        }
    }
}

impl<R: Scripted> DecidedHold<R> {
    /// Returns the hold, after the wait for its place, or the denial.
    async fn hold<E>(self, counted: Option<CountedCaller>) -> Result<Hold, HoldError<E>> {
        let wait = self.reply.wait();
        let hold = self.hold_now()?;
        let Some(ticks) = wait.filter(|_| counted.is_some()) else {
            return Ok(hold);
        };
        // Dropped while it waits, it gives its place back.
        let waits = hold.or_give_back();
        sleep(Duration::from_micros(ticks)).await;
        Ok(waits.or_keep().when_due())
    }

    /// Returns the hold, whose place may be due later, or the denial.
    fn hold_now<E>(self) -> Result<Hold, HoldError<E>> {
        let BucketReply {
            decision, charge, ..
        } = self.reply;
        let Some(charge) = charge.filter(|_| decision.is_admitted()) else {
            return Err(HoldError::Denied(decision));
        };
        let HeldBucket {
            queue,
            bucket,
            request,
        } = self.held;
        let charge = (charge, self.reply.is_held);
        let settle = move |actual| queue.settle_hold(&bucket, request, charge, actual);
        let held = Held::One(HeldCharge::new(settle));
        Ok(Hold::of(decision, request.cost, held))
    }
}
