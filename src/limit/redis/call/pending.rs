//! A request under way, as its caller sees it.

use std::{
    future::{Future, ready},
    pin::Pin,
    task::{self, Context, Poll},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until},
};

use super::request::{BucketReply, BucketResult};
use crate::redis::Error;

/// A request under way; made by
/// [`RequestQueue::call`](super::super::queue::RequestQueue::call).
pub(crate) enum PendingCall {
    /// The caller sends it, in a call of its own.
    Direct(Pin<Box<dyn Future<Output = BucketResult> + Send>>),
    /// A worker sends it, in a call with others.
    Queued(QueuedCall),
}

/// A request that a worker sends.
pub(crate) struct QueuedCall {
    /// Receives the reply from the worker; closed if the worker is lost.
    pub(crate) reply: oneshot::Receiver<BucketResult>,
    /// `timeout` after the request was queued.
    pub(crate) until: Instant,
    /// Told in the error if time is up.
    pub(crate) timeout: Duration,
    /// Made by the first poll, so that a reply that is there costs no timer.
    pub(crate) sleep: Option<Pin<Box<Sleep>>>,
}

impl PendingCall {
    /// A call that the caller itself sends while it polls.
    pub(crate) fn direct(call: impl Future<Output = BucketResult> + Send + 'static) -> Self {
        Self::Direct(Box::pin(call))
    }

    /// A call that was not sent.
    pub(crate) fn failed(error: Error) -> Self {
        Self::direct(ready(Err(error)))
    }
}

impl Future for PendingCall {
    type Output = BucketResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Direct(call) => call.as_mut().poll(cx),
            Self::Queued(call) => call.poll(cx),
        }
    }
}

impl QueuedCall {
    /// Refuses a reply from now on, and returns the one that had come, if any.
    pub(crate) fn close(&mut self) -> Option<BucketReply> {
        self.reply.close();
        self.reply.try_recv().ok()?.ok()
    }

    /// Waits for the reply, for at most the timeout.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BucketResult> {
        if let Poll::Ready(reply) = Pin::new(&mut self.reply).poll(cx) {
            return Poll::Ready(reply.unwrap_or_else(|_| Err(Error::no_runtime())));
        }
        // The worker may be stalled or on another runtime, so the waiter
        // enforces its own timeout.
        let until = self.until;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        task::ready!(sleep.as_mut().poll(cx));
        // From here on the worker settles a reply itself. One that came since the
        // first look would otherwise be lost, with the place that it booked.
        self.reply.close();
        let late = |_| Err(Error::late(self.timeout));
        Poll::Ready(self.reply.try_recv().unwrap_or_else(late))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_comes_too_late_goes_back_to_the_worker() {
        let (worker, reply) = oneshot::channel();
        let mut call = PendingCall::Queued(QueuedCall {
            reply,
            until: Instant::now(),
            timeout: Duration::ZERO,
            sleep: None,
        });
        let late = (&mut call).now_or_never().expect("its time is up");
        assert!(late.is_err());
        // The caller has not dropped the call yet.
        assert!(worker.send(Err(Error::no_runtime())).is_err());
    }
}
