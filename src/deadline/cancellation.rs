//! Tells work that nobody waits for it any more.

use std::{
    cell::Cell,
    fmt, mem,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
};

use tokio::sync::Notify;

use super::{
    Deadline,
    current::{current, within},
};

thread_local! {
    /// The signal of the errand that is run at present; swapped by hand, for
    /// every request goes through here.
    static ASKED: Cell<Asked> = const { Cell::new(Asked::NOBODY) };
}

/// Says when nobody waits for the answer any more: the deadline has passed, or
/// the request was dropped before it was answered in full, as servers do when
/// the client is gone.
///
/// It is for what a handler spawns, which is not dropped along with it. Clones
/// tell the same, and the heap is used only if one is asked for.
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
    waiting: Notify,
}

const LATE: u8 = 1;
const GONE: u8 = 2;

/// The signal of the request that this is called for.
///
/// Where no [`EnforceDeadlineLayer`](super::EnforceDeadlineLayer) has set a
/// deadline, it goes by the [current](super::current) one alone, and never fires
/// if there is none.
pub fn cancellation() -> Cancellation {
    let asked = ASKED.try_with(|asked| {
        let mut kept = asked.take();
        let signal = kept.signal(Cancellation::here);
        asked.set(kept);
        signal
    });
    asked.ok().flatten().unwrap_or_else(Cancellation::here)
}

impl Cancellation {
    fn here() -> Self {
        Self::of(current())
    }

    fn of(deadline: Option<Deadline>) -> Self {
        Self(Arc::new(Signal {
            deadline,
            state: AtomicU8::new(0),
            waiting: Notify::new(),
        }))
    }

    /// Ends when nobody waits any more.
    pub async fn cancelled(&self) {
        let mut notified = pin!(self.0.waiting.notified());
        // From here on no signal is missed.
        notified.as_mut().enable();
        match self.0.deadline {
            _ if self.is_cancelled() => (),
            None => notified.await,
            Some(deadline) => tokio::select! {
                biased;
                () = notified => (),
                () = deadline.passed() => (),
            },
        }
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
                let is_late = self.0.deadline.is_some_and(|it| it.is_expired());
                is_late.then_some(Cause::Deadline)
            }
        }
    }

    fn fire(&self) {
        let state = match self.cause() {
            Some(Cause::Deadline) => LATE,
            _ => GONE,
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

/// Whether there is an errand, and its signal, once somebody has asked for it.
/// Dropped then, it fires.
struct Asked {
    has_errand: bool,
    signal: Option<Cancellation>,
}

impl Asked {
    const NOBODY: Self = Self {
        has_errand: false,
        signal: None,
    };

    fn signal(&mut self, make: impl FnOnce() -> Cancellation) -> Option<Cancellation> {
        let Self { has_errand, signal } = self;
        has_errand.then(|| signal.get_or_insert_with(make).clone())
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self::NOBODY
    }
}

impl Drop for Asked {
    #[inline]
    fn drop(&mut self) {
        if let Some(signal) = self.signal.take() {
            signal.fire();
        }
    }
}

/// Puts an errand's signal in reach, and what was there back when it is done. If
/// that is a panic, the errand's signal is dropped.
struct Reach {
    outer: Option<Asked>,
}

impl Reach {
    #[inline]
    fn of(asked: &mut Asked) -> Self {
        let asked = mem::take(asked);
        let outer = Some(swap(asked));
        Self { outer }
    }

    #[inline]
    fn end(mut self) -> Asked {
        self.outer.take().map(swap).unwrap_or_default()
    }
}

impl Drop for Reach {
    #[inline]
    fn drop(&mut self) {
        drop(self.outer.take().map(swap));
    }
}

#[inline]
fn swap(asked: Asked) -> Asked {
    ASKED.with(|present| present.replace(asked))
}

/// What is done for one request, and what it sees of its deadline. Dropped
/// before it is done, or by a panic, it fires the signal.
pub(super) struct Errand {
    deadline: Deadline,
    asked: Asked,
}

impl Errand {
    #[inline]
    pub(super) fn new(deadline: Deadline) -> Self {
        let asked = Asked {
            has_errand: true,
            signal: None,
        };
        Self { deadline, asked }
    }

    #[inline]
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The signal, asked for before the work begins.
    pub(super) fn signal(&mut self) -> Cancellation {
        let signal = || Cancellation::of(Some(self.deadline));
        self.asked.signal.get_or_insert_with(signal).clone()
    }

    /// Does a piece of the work under the deadline, and in reach of the signal.
    #[inline]
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let reach = Reach::of(&mut self.asked);
        let done = within(self.deadline, work);
        self.asked = reach.end();
        done
    }

    /// The answer is complete: nothing is left that could be cancelled.
    #[inline]
    pub(super) fn done(mut self) {
        self.asked.signal = None;
    }
}
