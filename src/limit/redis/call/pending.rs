//! A request under way, as its caller sees it.

use std::{
    future::{self, Future},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;

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

/// A request that a worker sends. It has no timer of its own: the
/// [queue](super::super::queue) answers all whose time is up.
pub(crate) struct QueuedCall {
    /// Receives the reply from the worker; closed if the worker is lost.
    pub(crate) reply: oneshot::Receiver<BucketResult>,
}

impl PendingCall {
    /// A call that the caller itself sends while it polls.
    pub(crate) fn direct(call: impl Future<Output = BucketResult> + Send + 'static) -> Self {
        Self::Direct(Box::pin(call))
    }

    /// A call that was not sent.
    pub(crate) fn failed(error: Error) -> Self {
        Self::direct(future::ready(Err(error)))
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

    /// Waits for the reply.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BucketResult> {
        let reply = ready!(Pin::new(&mut self.reply).poll(cx));
        Poll::Ready(reply.unwrap_or_else(|_| Err(Error::no_runtime())))
    }
}
