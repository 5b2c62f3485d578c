//! The path of a check, from top to bottom.
//!
//! [`Redis::start_check`] goes through everything that may answer it without a
//! call, and then sends it. [`CheckFuture`] reads the reply, sleeps if a place
//! was booked, and lets the policy decide if Redis did not answer.

use std::{
    fmt,
    future::Future,
    hash::Hash,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use super::{
    call::{
        pending::PendingCall,
        request::{Bucket, BucketReply},
    },
    counts::RequestEvent,
    failure_policy::Policy,
    limiter::Redis,
    wait::{BookedPlace, CountedCaller},
};
use crate::{
    clock::Tick,
    key::StoreKey,
    limit::{
        decision::Decision,
        limiter::{Check, Wait},
        reservation::{CheckRequest, Reservation},
        rules::{
            quota::Cost,
            script::{Operation, Scripted},
        },
    },
    redis::Error,
};

impl<R: Scripted, P: Policy> Redis<R, P> {
    /// Takes the cost, or waits for it within `wait`. Without a wait the
    /// caller itself has to obey a decision to wait.
    pub(super) fn start_check<K>(
        &self,
        key: &K,
        cost: Cost,
        wait: Option<Wait>,
    ) -> Check<CheckFuture<R, P>>
    where
        K: StoreKey + Hash + ?Sized,
    {
        let bucket = self.client().bucket(key);
        // A share of the bucket that is leased to this process.
        if let Some(decision) = self.spend_lease(&bucket, cost) {
            return Check::Now(decision);
        }
        // A denial that Redis would only repeat.
        let mut max_wait = self.max_wait(bucket.hash, wait);
        if let Some(denial) = self.recall_denial(bucket.hash, cost, max_wait) {
            return Check::Now(denial);
        }
        // One more caller that may have to wait.
        let mut counted = None;
        if let Some(wait) = wait.filter(|_| max_wait > 0) {
            counted = self.queue.waiting.join(bucket.hash, wait.max_queue());
            if counted.is_none() {
                // Too many wait by now; `max_wait` still counted fewer.
                max_wait = 0;
            }
        }
        // The call, alone or with others.
        let operation = self.operation(cost, max_wait, wait);
        let waits = counted.map(|counted| (bucket.clone(), counted));
        let call = self.queue.call(bucket, operation, waits.is_some());
        Check::Later(CheckFuture {
            limiter: self.clone(),
            ticket: self.policy.ticket(key),
            request: CheckRequest { cost, wait },
            state: State::Calling(call, waits),
        })
    }

    /// Answers from a leased share, and asks for a larger one if it runs low.
    fn spend_lease(&self, bucket: &Bucket, cost: Cost) -> Option<Decision> {
        let client = self.client();
        let (decision, renewal) = client
            .leases
            .as_ref()?
            .spend(&client.rule, bucket.hash, cost);
        if let Some(operation) = renewal.filter(|_| !client.connection.rejects_calls()) {
            self.queue.tell(bucket.clone(), operation);
        }
        if decision.is_some() {
            client.counters.count(RequestEvent::Leased);
        }
        decision
    }

    /// Returns the denial that Redis would answer, if one is remembered.
    ///
    /// A cost of 0 asks what is left, which only Redis knows.
    pub(super) fn recall_denial(&self, hash: u64, cost: Cost, max_wait: Tick) -> Option<Decision> {
        let client = self.client();
        let denials = client.denials.as_ref().filter(|_| cost > 0)?;
        let decision = denials.recall(&client.rule, hash, cost, max_wait)?;
        client.counters.count(RequestEvent::Recalled);
        Some(decision)
    }

    /// The longest wait that may be booked, in ticks.
    pub(super) fn max_wait(&self, hash: u64, wait: Option<Wait>) -> Tick {
        let client = self.client();
        // On a leased bucket no place is booked: the share that it would wait
        // for could go to another process.
        if client.leases.is_some() {
            return 0;
        }
        let own = if client.rule.queues() { Tick::MAX } else { 0 };
        let Some(wait) = wait else {
            return own;
        };
        match wait.longest(own) {
            0 => 0,
            // Most callers do not wait, and so need not read the count.
            _ if self.queue.waiting.len(hash) >= wait.max_queue() => 0,
            max_wait => max_wait,
        }
    }

    /// The operation that the script performs. A rule with a queue has to be
    /// told if the caller does not wait at all; otherwise it would book a
    /// place.
    pub(super) fn operation(&self, cost: Cost, max_wait: Tick, wait: Option<Wait>) -> Operation {
        match max_wait {
            0 if wait.is_none() || !self.client().rule.queues() => Operation::Check(cost),
            0 => Operation::Reserve(1, cost, 0),
            max_wait => Operation::Take(1, cost, max_wait),
        }
    }
}

/// A check that is under way, and then its wait, if it has to wait.
///
/// Dropped while it waits, it gives its place back, unless another caller has
/// booked behind it: then its place lapses.
#[must_use = "futures do nothing unless polled; dropped, its place is given back"]
pub struct CheckFuture<R: Scripted, P: Policy> {
    /// Kept for the reply, and to give a place back.
    limiter: Redis<R, P>,
    /// The policy's ticket of the key.
    ticket: u64,
    request: CheckRequest,
    state: State<R>,
}

/// How far the check has come.
enum State<R: Scripted> {
    /// With the bucket, and the caller as counted, if it may have to wait.
    Calling(PendingCall, Option<(Bucket, CountedCaller)>),
    Waiting(Pin<Box<Sleep>>, BookedPlace<R>),
    FallingBack(Reservation),
}

impl<R: Scripted, P: Policy> Unpin for CheckFuture<R, P> {}

impl<R: Scripted, P: Policy> Future for CheckFuture<R, P> {
    type Output = Result<Decision, P::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                // ## Calling => (done | Waiting | FallingBack)
                State::Calling(call, waits) => {
                    let reply = ready!(Pin::new(call).poll(cx));
                    let waits = waits.take();
                    let next = match reply {
                        Ok(reply) => Ok(this.answer(reply, waits)),
                        Err(error) => this.fall_back(error),
                    };
                    match next {
                        Ok(Check::Now(decision)) => return Poll::Ready(Ok(decision)),
                        Ok(Check::Later(state)) => this.state = state,
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                // ## Waiting => done
                State::Waiting(sleep, place) => {
                    ready!(sleep.as_mut().poll(cx));
                    return Poll::Ready(Ok(place.take()));
                }
                // ## FallingBack => done
                State::FallingBack(reservation) => {
                    let Ok(decision) = ready!(Pin::new(reservation).poll(cx));
                    return Poll::Ready(Ok(decision));
                }
            }
        }
    }
}

impl<R: Scripted, P: Policy> CheckFuture<R, P> {
    /// The decision of Redis, or the wait for the place that it booked.
    fn answer(
        &self,
        reply: BucketReply,
        waits: Option<(Bucket, CountedCaller)>,
    ) -> Check<State<R>> {
        let Some((ticks, (bucket, counted))) = reply.wait().zip(waits) else {
            return Check::Now(reply.decision);
        };
        let queue = self.limiter.queue.clone();
        let place = BookedPlace::new(queue, counted, bucket, self.request.cost, reply);
        let sleep = Box::pin(sleep(Duration::from_micros(ticks)));
        Check::Later(State::Waiting(sleep, place))
    }

    /// The decision of the policy, because Redis did not answer.
    fn fall_back(&self, error: Error) -> Result<Check<State<R>>, P::Error> {
        let (client, request) = (self.limiter.client(), self.request);
        let unseen = || Check::Now(client.unseen(request.cost));
        let error = client.report_fallback(error);
        let check = self
            .limiter
            .policy
            .fall_back(error, unseen, |local| local.check(self.ticket, request));
        Ok(match check? {
            Check::Now(decision) => Check::Now(decision),
            Check::Later(reservation) => Check::Later(State::FallingBack(reservation)),
        })
    }
}

impl<R: Scripted, P: Policy> Drop for CheckFuture<R, P> {
    /// Gives the place back if the reply had come and was not read.
    fn drop(&mut self) {
        let State::Calling(PendingCall::Queued(call), Some((bucket, _))) = &mut self.state else {
            return;
        };
        if let Some(reply) = call.close() {
            let queue = &self.limiter.queue;
            queue.give_back(bucket.clone(), self.request.cost, &reply);
        }
    }
}

impl<R: Scripted, P: Policy> fmt::Debug for CheckFuture<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckFuture")
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}
