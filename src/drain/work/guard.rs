//! The handle by which other work than requests takes part in a drain.

use std::{fmt, future::Future};

use tokio::task::JoinHandle;

use super::{
    current::current_guard,
    guarded::{Aborted, Guarded},
    ticket::Ticket,
};
use crate::deadline::Cancellation;

/// Keeps a drain waiting for work that is not a request: a spawned task, or a
/// connection that was upgraded to a WebSocket.
///
/// The drain waits until it is dropped, at most for its budget. Each clone is
/// waited for. Take it with [`current`](Self::current) where a request is
/// handled, before the work moves into a task, or from
/// [`Drain::guard`](crate::drain::Drain::guard) for work without a request.
///
/// Work that [runs](Self::run) under it learns from its
/// [`cancellation`](crate::deadline::cancellation) when to stop, and is dropped
/// by the abort. Work that only owns a guard is not dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::{deadline::CancelCause, drain::{Drain, Stage}};
///
/// let drain = Drain::new();
/// let guard = drain.guard("mails");
/// tokio::spawn(guard.run(async {
///     let stop = sluicegate::deadline::cancellation();
///     stop.cancelled().await;
///     assert_eq!(stop.cause(), Some(CancelCause::Drain));
/// }));
/// drain.begin();
/// let report = drain.wait().await;
/// assert_eq!((report.total().cancelled, report.total().aborted), (1, 0));
/// # }
/// ```
#[must_use = "the drain waits until it is dropped"]
pub struct DrainGuard(Ticket);

impl DrainGuard {
    pub(crate) fn new(ticket: Ticket) -> Self {
        Self(ticket)
    }

    /// Returns a guard for more work of the request that this is called from;
    /// `None` outside of a [`DrainLayer`](crate::drain::DrainLayer).
    ///
    /// It has to be called while the request is handled, such as before a
    /// `tokio::spawn`, and not in the spawned task.
    pub fn current() -> Option<Self> {
        current_guard().map(Self)
    }

    /// Returns the signal that tells work to stop. It fires when the drain
    /// [cancels](crate::drain::Stage::Cancelling).
    pub fn cancellation(&self) -> Cancellation {
        Cancellation::of_drain(self.0.state.clone())
    }

    /// Waits until work is told to stop.
    pub async fn cancelled(&self) {
        self.cancellation().cancelled().await;
    }

    /// Runs `work` under this guard, until the abort.
    ///
    /// [`cancellation`](crate::deadline::cancellation) in the work fires when
    /// the drain cancels.
    pub fn run<F: Future>(self, work: F) -> Guarded<F> {
        Guarded::until_abort(work, self.0)
    }

    /// Spawns a task that [runs](Self::run) `work`.
    ///
    /// # Panics
    ///
    /// When it is called outside of a tokio runtime.
    pub fn spawn<F>(self, work: F) -> JoinHandle<Result<F::Output, Aborted>>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(self.run(work))
    }

    /// Runs `work` under this guard, to its end: the abort does not drop it, and
    /// it goes on until the process exits.
    pub async fn hold<F: Future>(self, work: F) -> F::Output {
        Guarded::held(work, self.0).await
    }
}

impl Clone for DrainGuard {
    fn clone(&self) -> Self {
        Self(self.0.guard())
    }
}

impl fmt::Debug for DrainGuard {
    debug_opaque!(DrainGuard);
}
