//! A request under way, as its caller sees it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until},
};

use super::request::BucketReply;
use crate::redis::Error;

/// A request under way; made by [`Queue::call`](super::super::queue::Queue::call).
pub(crate) enum PendingCall {
    /// The caller sends it, in a call of its own.
    Direct(Pin<Box<dyn Future<Output = Result<BucketReply, Error>> + Send>>),
    /// A worker sends it, in a call with others.
    Queued(QueuedCall),
    /// It was not sent. `None` after it was polled.
    Failed(Option<Error>),
}

/// A request that a worker sends.
pub(crate) struct QueuedCall {
    reply: oneshot::Receiver<Result<BucketReply, Error>>,
    until: Instant,
    timeout: Duration,
    /// Made by the first poll, so that a reply that is there costs no timer.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl PendingCall {
    pub(in crate::limit::redis) fn direct(
        call: impl Future<Output = Result<BucketReply, Error>> + Send + 'static,
    ) -> Self {
        Self::Direct(Box::pin(call))
    }

    pub(in crate::limit::redis) fn failed(error: Error) -> Self {
        Self::Failed(Some(error))
    }
}

impl Future for PendingCall {
    type Output = Result<BucketReply, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Direct(call) => call.as_mut().poll(cx),
            Self::Queued(call) => call.poll(cx),
            Self::Failed(error) => {
                let error = error.take().expect("polled after it was done");
                Poll::Ready(Err(error))
            }
        }
    }
}

impl QueuedCall {
    /// `until` is `timeout` after the request was queued.
    pub(in crate::limit::redis) fn new(
        reply: oneshot::Receiver<Result<BucketReply, Error>>,
        until: Instant,
        timeout: Duration,
    ) -> Self {
        Self {
            reply,
            until,
            timeout,
            sleep: None,
        }
    }

    /// Refuses a reply from now on, and returns the one that had come, if any.
    pub(in crate::limit::redis) fn close(&mut self) -> Option<BucketReply> {
        self.reply.close();
        self.reply.try_recv().ok()?.ok()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<BucketReply, Error>> {
        if let Poll::Ready(reply) = Pin::new(&mut self.reply).poll(cx) {
            return Poll::Ready(reply.unwrap_or_else(|_| Err(Error::no_runtime())));
        }
        // The worker may be stalled or on another runtime, so the waiter enforces
        // its own timeout.
        let until = self.until;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(Error::late(self.timeout)))
    }
}
