//! A request that waits for a call, and the caller behind it.

use std::{
    mem,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    limit::redis::call::request::{BucketResult, Request},
    redis::Error,
    sync::{Mutex, lock},
};

/// A request, and the caller who waits for the reply.
pub(super) struct QueuedRequest {
    pub(super) request: Request,
    pub(super) waiter: Waiter,
}

/// Where a reply goes.
pub(super) struct Waiter {
    /// When it must have been answered, by real time.
    pub(super) until: Instant,
    /// `None` if the reply is of no interest.
    pub(super) reply: Option<oneshot::Sender<BucketResult>>,
}

/// The callers that wait for the reply of one call; empty when it has come.
pub(super) struct CallWaiters(Mutex<Vec<Waiter>>);

impl QueuedRequest {
    /// Returns the parts of a request that is still worth sending.
    ///
    /// One whose caller has gone is dropped: it would be charged for nothing.
    /// One whose time is up is answered.
    pub(super) fn still_wanted(
        mut self,
        now: Instant,
        timeout: Duration,
    ) -> Option<(Request, Waiter)> {
        let reply = self.waiter.reply.as_ref();
        if reply.is_some_and(oneshot::Sender::is_closed) {
            return None;
        }
        if let Some(mut late) = self.waiter.take_if_late(now) {
            late.answer_late(timeout);
            return None;
        }
        Some((self.request, self.waiter))
    }
}

impl CallWaiters {
    /// These callers.
    pub(super) fn new(waiters: Vec<Waiter>) -> Self {
        Self(Mutex::new(waiters))
    }

    /// Moves those whose time is up to `late`. Returns when the next one's is.
    pub(super) fn take_late(&self, now: Instant, late: &mut Vec<Waiter>) -> Option<Instant> {
        let mut waiters = lock(&self.0);
        late.extend(
            waiters
                .iter_mut()
                .filter_map(|waiter| waiter.take_if_late(now)),
        );
        waiters.iter().filter_map(Waiter::due).min()
    }

    /// Takes all callers, because the reply has come.
    pub(super) fn take(&self) -> Vec<Waiter> {
        mem::take(&mut *lock(&self.0))
    }
}

impl Waiter {
    /// Delivers the reply, or returns it if the caller has gone.
    pub(super) fn answer(&mut self, reply: BucketResult) -> Option<BucketResult> {
        match self.reply.take() {
            Some(waiter) => waiter.send(reply).err(),
            None => Some(reply),
        }
    }

    /// Answers that the time is up.
    pub(super) fn answer_late(&mut self, timeout: Duration) {
        let _ = self.answer(Err(Error::late(timeout)));
    }

    /// When it must have been answered; `None` if no caller waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.reply.as_ref().map(|_| self.until)
    }

    /// Takes the caller if its time is up.
    pub(super) fn take_if_late(&mut self, now: Instant) -> Option<Self> {
        self.due().filter(|due| *due <= now)?;
        let (until, reply) = (self.until, self.reply.take());
        Some(Self { until, reply })
    }
}
