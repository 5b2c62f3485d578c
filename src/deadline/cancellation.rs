//! Tells work that nobody waits for it any more.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::SeqCst},
    },
};

use tokio::{sync::Notify, time::timeout_at};

use super::{Deadline, current::present, enforce::request_scope};

/// Says when nobody waits for the answer any more: the deadline has passed, or
/// the request was dropped before it was answered in full, as servers do when
/// the client is gone.
///
/// It is for what a handler spawns, which is not dropped along with it. Clones
/// tell the same, and the heap is used only if one is asked for. After the head of a
/// response that a deadline does not [cover](super::Coverage) beyond it, the deadline
/// does not count any more.
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
///     let over = deadline::cancellation();
///     let work = tokio::spawn(async move {
///         tokio::select! {
///             biased;
///             () = async { /* something long */ } => "done",
///             () = over.cancelled() => "stopped",
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

/// Why nobody waits any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The deadline has passed.
    Deadline,
    /// The request was dropped before it was answered: the client is gone.
    Gone,
}

struct Signal {
    deadline: Option<Deadline>,
    state: AtomicU8,
    /// Whether the deadline does not count any more.
    is_lifted: AtomicBool,
    waiting: Notify,
    /// The signal of the request whose deadline this is, where another task goes by
    /// the deadline alone.
    request: Option<Cancellation>,
}

const LATE: u8 = 1;
const GONE: u8 = 2;

/// The signal of the request that this is called for.
///
/// Where no [`EnforceDeadlineLayer`](super::EnforceDeadlineLayer) has set a
/// deadline, it goes by the [current](super::current) one alone, and never fires
/// if there is none.
pub fn cancellation() -> Cancellation {
    request_scope::signal().unwrap_or_else(|| {
        let (deadline, request) = present();
        Cancellation::new(deadline, request)
    })
}

impl Cancellation {
    pub(super) fn of(deadline: Option<Deadline>) -> Self {
        Self::new(deadline, None)
    }

    fn new(deadline: Option<Deadline>, request: Option<Self>) -> Self {
        Self(Arc::new(Signal {
            deadline,
            state: AtomicU8::new(0),
            is_lifted: AtomicBool::new(false),
            waiting: Notify::new(),
            request,
        }))
    }

    /// Ends when nobody waits any more.
    pub async fn cancelled(&self) {
        let lifts = self.0.request.as_ref().unwrap_or(self);
        loop {
            let mut notified = pin!(lifts.0.waiting.notified());
            // From here on no signal is missed.
            notified.as_mut().enable();
            match self.deadline() {
                _ if self.is_cancelled() => return,
                None => notified.await,
                Some(deadline) => _ = timeout_at(deadline.instant(), notified).await,
            }
        }
    }

    /// The deadline, as long as it counts.
    fn deadline(&self) -> Option<Deadline> {
        self.0.deadline.filter(|_| !self.is_lifted())
    }

    /// Whether the deadline does not count any more: the head of a response that
    /// lasts was in time.
    pub(super) fn is_lifted(&self) -> bool {
        let is_lifted = |signal: &Signal| signal.is_lifted.load(SeqCst);
        let request = self.0.request.as_ref();
        is_lifted(&self.0) || request.is_some_and(|request| is_lifted(&request.0))
    }

    pub(super) fn lift(&self) {
        self.0.is_lifted.store(true, SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Why nobody waits any more; `None` while somebody does.
    pub fn cause(&self) -> Option<Cause> {
        match self.0.state.load(SeqCst) {
            LATE => Some(Cause::Deadline),
            GONE => Some(Cause::Gone),
            _ => {
                let is_late = self.deadline().is_some_and(|it| it.is_expired());
                is_late.then_some(Cause::Deadline)
            }
        }
    }

    /// The request was dropped.
    pub(super) fn fire(&self) {
        let cause = self.cause().unwrap_or(Cause::Gone);
        self.fire_for(cause);
    }

    pub(super) fn fire_for(&self, cause: Cause) {
        let state = match cause {
            Cause::Deadline => LATE,
            Cause::Gone => GONE,
        };
        self.0.state.store(state, SeqCst);
        self.0.waiting.notify_waiters();
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
