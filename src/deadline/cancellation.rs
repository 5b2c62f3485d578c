//! The signal that a request is no longer waited for.
//!
//! This file knows nothing of scopes: `view` keeps the signal of the running
//! request, and `current` hands it out.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::{Instant, timeout_at},
};

use super::Deadline;
use crate::drain::{DrainState, current_state};

/// Tells work to stop: the deadline has passed, the request was dropped before
/// its response was complete, as servers do when the client is gone, the
/// process [drains](crate::drain), or the work was
/// [cancelled](super::Registry::cancel).
///
/// It is for tasks that a handler spawns, because those are not dropped with
/// the handler, and for streams that do not end by themselves. All clones are
/// one signal, which is allocated only when it is asked for. The deadline
/// counts only as far as it [covers](super::Coverage) the response.
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

/// Why work should stop.
///
/// A signal fires for the first of them and keeps that one, except that the
/// deadline counts as the cause if it has passed when the request is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// The deadline has passed.
    Deadline,
    /// The request was dropped before its response was complete: the client is
    /// gone.
    Gone,
    /// The process [drains](crate::drain), and has come to the stage
    /// [`Cancelling`](crate::drain::Stage::Cancelling).
    Drain,
    /// The deadline was [cancelled](super::Registry::cancel) in its registry,
    /// for this reason.
    Remote(Arc<str>),
}

impl CancelCause {
    /// Returns the value of the label `cause` in metrics. The reason of
    /// `Remote` is not part of it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Gone => "gone",
            Self::Drain => "drain",
            Self::Remote(_) => "remote",
        }
    }
}

/// The state that all clones share.
struct Signal {
    /// When it fires by itself; `None` if the time does not fire it.
    deadline: Option<Deadline>,
    /// Set once it was fired.
    cause: OnceLock<CancelCause>,
    /// Whether the deadline no longer counts.
    is_lifted: AtomicBool,
    /// Woken when `cause` or `is_lifted` changes.
    changed: Notify,
    /// The signal of the request, or of the claim, that set this deadline, when
    /// this one belongs to other work, which knows only the deadline.
    request: Option<Cancellation>,
    /// The drain that the work belongs to.
    drain: Option<Arc<DrainState>>,
}

impl Cancellation {
    /// Returns a signal that fires at the deadline, as long as `request` does
    /// not say that the deadline no longer counts. It fires also for the drain
    /// that the calling work belongs to.
    pub(super) fn new(deadline: Option<Deadline>, request: Option<Self>) -> Self {
        Self::with(deadline, request, current_state())
    }

    /// Returns a signal that fires only when it is told to.
    pub(super) fn remote() -> Self {
        Self::with(None, None, None)
    }

    /// Returns a signal that fires when this drain cancels.
    pub(crate) fn of_drain(drain: Arc<DrainState>) -> Self {
        Self::with(None, None, Some(drain))
    }

    fn with(
        deadline: Option<Deadline>,
        request: Option<Self>,
        drain: Option<Arc<DrainState>>,
    ) -> Self {
        Self(Arc::new(Signal {
            deadline,
            cause: OnceLock::new(),
            is_lifted: AtomicBool::new(false),
            changed: Notify::new(),
            request,
            drain,
        }))
    }

    /// Waits until the work should stop. Returns at once if that is already so.
    /// It may be dropped and called again without a loss.
    pub async fn cancelled(&self) {
        // A lifted deadline is announced by the signal of the request, and so
        // is a cancelled claim. This signal fires only by its deadline, or by
        // the drain, if it belongs to other work.
        let announced = &self.0.request.as_ref().unwrap_or(self).0.changed;
        loop {
            let changed = pin!(announced.notified());
            let told = self
                .0
                .drain
                .as_ref()
                .map(|drain| drain.telling().notified());
            let mut changes = Changes {
                changed,
                told: pin!(told),
            };
            // Registers before the state is read, so that no change is missed.
            changes.enable();
            let changed = poll_fn(|cx| changes.poll(cx));
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

    /// Returns whether the work should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Returns why the work should stop; `None` while it should not.
    pub fn cause(&self) -> Option<CancelCause> {
        if let Some(fired) = self.0.cause.get() {
            return Some(fired.clone());
        }
        if let Some(cancelled) = self.remote_cause() {
            return Some(cancelled);
        }
        let late = self.deadline().filter(|it| it.is_expired());
        let told = self.0.drain.as_ref().and_then(|drain| drain.told_at());
        by_time(late.map(|it| it.instant()), told)
    }

    /// Returns the cause of the signal of a claim, if that was cancelled.
    fn remote_cause(&self) -> Option<CancelCause> {
        let claim = self.0.request.as_ref()?;
        let is_remote = |cause: &&CancelCause| matches!(cause, CancelCause::Remote(_));
        let own = claim.0.cause.get().filter(is_remote).cloned();
        own.or_else(|| claim.remote_cause())
    }

    /// Fires because the request was dropped, or for what has fired it by now,
    /// such as its deadline.
    pub(super) fn fire(&self) {
        self.fire_for(CancelCause::Gone);
    }

    /// Fires for this cause, unless there is one. Returns whether there was
    /// none.
    pub(super) fn fire_for(&self, cause: CancelCause) -> bool {
        let first = self.cause().unwrap_or(cause);
        // Stored before the wake-up, which makes waiters read it.
        let is_first = self.0.cause.set(first).is_ok();
        self.0.changed.notify_waiters();
        is_first
    }
}

/// Returns the cause that came first.
fn by_time(late: Option<Instant>, told: Option<Instant>) -> Option<CancelCause> {
    match (late, told) {
        (Some(late), Some(told)) if told < late => Some(CancelCause::Drain),
        (Some(_), _) => Some(CancelCause::Deadline),
        (None, Some(_)) => Some(CancelCause::Drain),
        (None, None) => None,
    }
}

/// The sources outside of a signal that may fire it.
struct Changes<'a, 'b> {
    changed: Pin<&'b mut Notified<'a>>,
    /// `None` without a drain.
    told: Pin<&'b mut Option<Notified<'a>>>,
}

impl Changes<'_, '_> {
    fn enable(&mut self) {
        self.changed.as_mut().enable();
        if let Some(told) = self.told.as_mut().as_pin_mut() {
            told.enable();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.changed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match self.told.as_mut().as_pin_mut() {
            Some(told) => told.poll(cx),
            None => Poll::Pending,
        }
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
