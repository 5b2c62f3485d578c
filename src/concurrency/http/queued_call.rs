//! A call that waits for its permit.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{
    admission::ConcurrencyAdmission,
    decided::{Admittance, PendingAdmission},
};
use crate::{concurrency::gate::Waiting, refusal::Origin};

/// A call whose request waits. It has its own service, because the caller may
/// use the clone that it was left meanwhile.
pub(super) struct QueuedCall<S, Req, L, K, P, X, A> {
    // Dropped first: it gives back a permit that it was granted unseen.
    waiting: Waiting,
    queued: Option<PendingAdmission>,
    /// Identifies the request, in case it is refused.
    origin: Origin,
    ready: Option<ReadyService<S, Req, L, K, P, X, A>>,
}

/// The call that goes on when the wait has ended.
pub(super) struct ReadyService<S, Req, L, K, P, X, A> {
    /// The instance that `poll_ready` has found ready.
    pub(super) service: S,
    pub(super) request: Req,
    pub(super) admission: Arc<ConcurrencyAdmission<L, K, P, X, A>>,
}

/// The action for a request whose wait has ended, and what it needs.
pub(super) type AfterWait<S, Req, L, K, P, X, A> =
    (Admittance, ReadyService<S, Req, L, K, P, X, A>);

impl<S, Req, L, K, P, X, A> QueuedCall<S, Req, L, K, P, X, A> {
    pub(super) fn new(
        waiting: Waiting,
        queued: PendingAdmission,
        origin: Origin,
        ready: ReadyService<S, Req, L, K, P, X, A>,
    ) -> Self {
        Self {
            waiting,
            queued: Some(queued),
            origin,
            ready: Some(ready),
        }
    }

    /// Ready when the wait has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<AfterWait<S, Req, L, K, P, X, A>> {
        let outcome = ready!(Pin::new(&mut self.waiting).poll(cx));
        let queued = self.queued.take().expect("polled after it has ended");
        let ready = self.ready.take().expect("polled after it has ended");
        let admittance = match ready.admission.after_wait(outcome, &self.waiting, queued) {
            Admittance::Refuse(refusal) => Admittance::Refuse(refusal.answering(self.origin)),
            admittance => admittance,
        };
        Poll::Ready((admittance, ready))
    }
}

/// Takes the service that is ready, and leaves a clone, which is not.
pub(super) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}
