//! A request in the queue, shared by its future and the queue: the gate writes
//! its outcome here.

use std::{
    mem,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    concurrency::shed::Shed,
    sync::{Mutex, lock},
};

/// A waiting request.
pub(in crate::concurrency::gate) struct WaiterCell {
    state: Mutex<State>,
}

/// How far a waiting request is.
#[derive(Debug)]
enum State {
    /// It waits. The waker of its future, once that was polled.
    Waiting(Option<Waker>),
    /// It has its outcome, which its future has not taken yet.
    Settled(Result<GrantedPermit, Shed>),
    /// Its future has taken the outcome or is gone.
    Closed,
}

/// A permit that a waiting request was given.
#[derive(Clone, Copy, Debug)]
pub(in crate::concurrency::gate) struct GrantedPermit {
    pub(in crate::concurrency::gate) at: Instant,
    pub(in crate::concurrency::gate) waited: Duration,
    /// How many permits were in flight with this one.
    pub(in crate::concurrency::gate) in_flight: u32,
}

/// The state in which the future of a request was dropped.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::concurrency::gate) enum Left {
    /// It is still in the queue.
    Queued,
    /// It had been given a permit, which has to be given back.
    Granted,
    /// Nothing is left of it.
    Gone,
}

impl WaiterCell {
    pub(in crate::concurrency::gate) fn new() -> Self {
        let state = Mutex::new(State::Waiting(None));
        Self { state }
    }

    /// Tells the request its outcome. Returns the waker of its future, to be
    /// called without a lock, or the outcome if the future is gone.
    pub(in crate::concurrency::gate) fn settle(
        &self,
        outcome: Result<GrantedPermit, Shed>,
    ) -> Result<Option<Waker>, Result<GrantedPermit, Shed>> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = State::Settled(outcome);
                Ok(waker)
            }
            State::Settled(_) | State::Closed => Err(outcome),
        }
    }

    /// Takes the outcome, or remembers the waker.
    pub(in crate::concurrency::gate) fn poll(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<GrantedPermit, Shed>> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            State::Settled(outcome) => {
                let outcome = *outcome;
                *state = State::Closed;
                Poll::Ready(outcome)
            }
            State::Closed => panic!("a wait for a permit was polled after it had ended"),
        }
    }

    /// Ends the wait for good: no outcome reaches it any more.
    pub(in crate::concurrency::gate) fn close(&self) -> Left {
        match mem::replace(&mut *lock(&self.state), State::Closed) {
            State::Waiting(_) => Left::Queued,
            State::Settled(Ok(_)) => Left::Granted,
            State::Settled(Err(_)) | State::Closed => Left::Gone,
        }
    }
}
