//! The future of a request that waits for a permit.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::queue_wait::QueueWait;
use crate::concurrency::{
    gate::{gate::Gate, permit::Permit, usage::Load},
    priority::Rank,
    shed::Shed,
};

/// Waits for a permit. Dropping it ends the wait; a permit that it was given
/// meanwhile is passed on.
///
/// # Panics
///
/// If it is polled outside of a tokio runtime with a timer, or after it has
/// ended.
// Boxed, so that requests that pass at once do not move a wait.
pub struct Waiting(Box<Wait>);

struct Wait {
    gate: Arc<Gate>,
    rank: Rank,
    since: Instant,
    kind: WaitKind,
}

/// The steps of a wait.
enum WaitKind {
    /// For its turn in the queue.
    Queue(QueueWait),
    /// For a lease of permits, or for its turn under one that may end.
    #[cfg(feature = "redis")]
    Lease(BoxedWait),
}

/// A wait that takes several steps.
#[cfg(feature = "redis")]
pub(crate) type BoxedWait = Pin<Box<dyn Future<Output = Result<Permit, Shed>> + Send>>;

impl Waiting {
    /// Waits in the queue.
    pub(in crate::concurrency::gate) fn in_queue(wait: QueueWait) -> Self {
        Self(Box::new(Wait {
            gate: wait.gate().clone(),
            rank: wait.rank(),
            since: wait.since(),
            kind: WaitKind::Queue(wait),
        }))
    }

    /// Waits for a permit that has to be leased.
    #[cfg(feature = "redis")]
    pub(crate) fn for_lease(gate: &Arc<Gate>, rank: Rank, wait: BoxedWait) -> Self {
        Self(Box::new(Wait {
            gate: gate.clone(),
            rank,
            since: Instant::now(),
            kind: WaitKind::Lease(wait),
        }))
    }

    /// Returns the rank of the request.
    pub fn rank(&self) -> Rank {
        self.0.rank
    }

    /// Returns how long it has waited until now.
    pub fn waited(&self) -> Duration {
        self.0.since.elapsed()
    }

    /// Returns the limit and the permits in flight now.
    pub fn load(&self) -> Load {
        self.0.gate.load()
    }

    /// Returns the outcome, once there is one, without a timer.
    #[cfg(all(test, sluicegate_loom))]
    pub(in crate::concurrency::gate) fn poll_outcome(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<Permit, Shed>> {
        match &self.0.kind {
            WaitKind::Queue(wait) => wait.poll_outcome(cx),
            #[cfg(feature = "redis")]
            WaitKind::Lease(_) => unreachable!("the models have queues only"),
        }
    }
}

impl Future for Waiting {
    type Output = Result<Permit, Shed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0.kind {
            WaitKind::Queue(wait) => Pin::new(wait).poll(cx),
            #[cfg(feature = "redis")]
            WaitKind::Lease(wait) => wait.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("rank", &self.0.rank)
            .finish_non_exhaustive()
    }
}
