//! Reports the end of a response to the store. `handler` makes one for each
//! response, and `BodyTee` finishes it if the body takes time.
//!
//! A response that releases the lease always goes to the client: even if
//! another holder has the lease, it says that nothing was done, which is true.

use http::HeaderMap;

use super::{
    policy::{Retention, RetentionPolicy},
    replay::kept_trailers,
};
use crate::idempotency::{
    guard::{CompletionStatus, Guard, LeaseEnd},
    record::{Body, Record, Reply},
    store::Store,
};

/// Holds the lease until the response has ended. If it is dropped, the outcome
/// of the work is unknown.
pub(crate) struct CompletionHandle<S: Store> {
    /// Holds the lease.
    pub(crate) guard: Guard<S>,
    /// The kept part of the response's head.
    pub(crate) reply: Reply,
    /// The fate of the response, as far as it is decided.
    pub(crate) retention: Retention,
    /// Decides by the trailers, if the head did not.
    pub(crate) policy: RetentionPolicy,
}

impl<S: Store> CompletionHandle<S> {
    /// Decides by the status in the trailers, if the head did not decide.
    pub(crate) fn read_status(&mut self, trailers: &HeaderMap) {
        if self.retention == Retention::ByTrailers {
            self.retention = self.policy.at_end(trailers, &self.reply.headers);
        }
    }

    /// Tells the store how the work ended. Returns whether this response may be
    /// given to the client; if not, another holder has the lease, and its
    /// response counts.
    pub(crate) fn finish(
        self,
        body: Body,
        trailers: &HeaderMap,
    ) -> impl Future<Output = bool> + Send + use<S> {
        let (guard, end) = self.end(body, trailers);
        async move {
            let Some(end) = end else {
                // The guard is dropped here, and its lease lapses.
                return true;
            };
            let is_release = matches!(end, LeaseEnd::Released);
            guard.end(end).await != CompletionStatus::Lost || is_release
        }
    }

    /// Returns how the lease ends; `None` if it lapses.
    fn end(self, body: Body, trailers: &HeaderMap) -> (Guard<S>, Option<LeaseEnd>) {
        let body = match self.retention {
            Retention::Release => return (self.guard, Some(LeaseEnd::Released)),
            Retention::Lapse | Retention::ByTrailers => return (self.guard, None),
            Retention::Store => body,
            Retention::WithoutBody => Body::Omitted,
        };
        let mut reply = self.reply;
        reply.body = body;
        reply.trailers = kept_trailers(trailers);
        let end = self.guard.completed(&Record::Reply(reply));
        (self.guard, Some(end))
    }
}
