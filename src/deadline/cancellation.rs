//! The signal that a request is no longer waited for.
//!
//! This file knows nothing of scopes: `view` keeps the signal of the running
//! request, and `current` hands it out.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::SeqCst},
    },
};

use tokio::{sync::Notify, time::timeout_at};

use super::Deadline;

/// Tells work that its request is no longer waited for: the deadline has
/// passed, or the request was dropped before its response was complete, as
/// servers do when the client is gone.
///
/// It is for tasks that a handler spawns, because those are not dropped with
/// the handler. All clones are one signal, which is allocated only when it is
/// asked for. The deadline counts only as far as it
/// [covers](super::Coverage) the response.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # use sluicegate::deadline::EnforceDeadlineLayer;
/// # use tower::{Layer, ServiceExt, service_fn};
/// use std::time::Duration;
/// use sluicegate::deadline;
///
/// async fn handler(_: Request<String>) -> Result<Response<String>, Infallible> {
///     let signal = deadline::cancellation();
///     let work = tokio::spawn(async move {
///         tokio::select! {
///             biased;
///             () = async { /* something long */ } => "done",
///             () = signal.cancelled() => "stopped",
///         }
///     });
///     Ok(Response::new(work.await.unwrap().into()))
/// }
/// # let layer = EnforceDeadlineLayer::new().default_timeout(Duration::from_secs(1));
/// # let service = layer.layer(service_fn(handler));
/// # assert!(service.oneshot(Request::default()).await.is_ok());
/// # }
/// ```
#[derive(Clone)]
pub struct Cancellation(Arc<Signal>);

/// Why a request is no longer waited for.
///
/// A signal fires for one of them and keeps that one, except that the deadline
/// counts as the cause if it has passed when the request is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// The deadline has passed.
    Deadline,
    /// The request was dropped before its response was complete: the client is
    /// gone.
    Gone,
}

/// The state that all clones share.
struct Signal {
    /// When it fires by itself; `None` if only a drop fires it.
    deadline: Option<Deadline>,
    /// 0, [`LATE`] or [`GONE`].
    state: AtomicU8,
    /// Whether the deadline no longer counts.
    is_lifted: AtomicBool,
    /// Woken when `state` or `is_lifted` changes.
    changed: Notify,
    /// The signal of the request that set this deadline, when this one belongs
    /// to another task, which knows only the deadline.
    request: Option<Cancellation>,
}

/// The state of a signal that fired because of the deadline.
const LATE: u8 = 1;
/// The state of a signal that fired because the request was dropped.
const GONE: u8 = 2;

impl Cancellation {
    /// Returns a signal that fires at the deadline, as long as `request` does
    /// not say that the deadline no longer counts.
    pub(super) fn new(deadline: Option<Deadline>, request: Option<Self>) -> Self {
        Self(Arc::new(Signal {
            deadline,
            state: AtomicU8::new(0),
            is_lifted: AtomicBool::new(false),
            changed: Notify::new(),
            request,
        }))
    }

    /// Waits until the request is no longer waited for. Returns at once if that
    /// is already so. It may be dropped and called again without a loss.
    pub async fn cancelled(&self) {
        // A lifted deadline is announced by the signal of the request. This
        // signal fires only by its deadline if it belongs to another task.
        let lifts = self.0.request.as_ref().unwrap_or(self);
        loop {
            let mut changed = pin!(lifts.0.changed.notified());
            // Registers before the state is read, so that no change is missed.
            changed.as_mut().enable();
            match self.deadline() {
                _ if self.is_cancelled() => return,
                None => changed.await,
                Some(deadline) => _ = timeout_at(deadline.instant(), changed).await,
            }
        }
    }

    /// Returns the deadline, as long as it counts.
    fn deadline(&self) -> Option<Deadline> {
        self.0.deadline.filter(|_| !self.is_lifted())
    }

    /// Returns whether the deadline no longer counts, because the head of a
    /// response that it does not cover further was in time.
    pub(super) fn is_lifted(&self) -> bool {
        let is_lifted = |signal: &Signal| signal.is_lifted.load(SeqCst);
        let request = self.0.request.as_ref();
        is_lifted(&self.0) || request.is_some_and(|request| is_lifted(&request.0))
    }

    /// Makes the deadline no longer count.
    pub(super) fn lift(&self) {
        self.0.is_lifted.store(true, SeqCst);
        self.0.changed.notify_waiters();
    }

    /// Returns whether the request is no longer waited for.
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Returns why the request is no longer waited for; `None` while it is.
    pub fn cause(&self) -> Option<CancelCause> {
        match self.0.state.load(SeqCst) {
            LATE => Some(CancelCause::Deadline),
            GONE => Some(CancelCause::Gone),
            _ => {
                let is_late = self.deadline().is_some_and(|it| it.is_expired());
                is_late.then_some(CancelCause::Deadline)
            }
        }
    }

    /// Fires because the request was dropped, or because of the deadline if
    /// that has passed by now.
    pub(super) fn fire(&self) {
        let cause = self.cause().unwrap_or(CancelCause::Gone);
        self.fire_for(cause);
    }

    /// Fires for this cause. A later call changes the cause, but no waiter
    /// notices that.
    pub(super) fn fire_for(&self, cause: CancelCause) {
        let state = match cause {
            CancelCause::Deadline => LATE,
            CancelCause::Gone => GONE,
        };
        // Stored before the wake-up, which makes waiters read it.
        self.0.state.store(state, SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation")
            .field("deadline", &self.0.deadline)
            .field("cause", &self.cause())
            .finish()
    }
}
