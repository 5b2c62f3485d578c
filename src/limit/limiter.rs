//! The seam between those who ask and what knows the state.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{decision::Decision, others::Others, rules::quota::Cost};
use crate::{
    clock::{Tick, ticks},
    deadline::Deadline,
};

/// What a limiter's answers look like, whatever its keys are.
pub trait Backend {
    /// Why there is no decision; `Infallible` where the state is in process.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// A decision that takes its time.
    type Future: Future<Output = Result<Decision, Self::Error>>;

    /// The name under which requests are counted that have no key, so that no limit
    /// can be named by it: that of the limiter itself. Empty unless overridden.
    fn label(&self) -> Arc<str> {
        Arc::default()
    }
}

/// Decides by key: the seam at which the layer, the adaptors and your own code
/// meet [`Local`](super::Local) state or any other.
///
/// A limiter is a handle: clones share their state.
///
/// To write your own, decide in [`check`](Self::check), and make `until_ready`
/// the same if no verdict of yours is `Queue`:
///
/// ```
/// use std::{convert::Infallible, future::Ready, sync::Arc, time::Duration};
/// use sluicegate::limit::{Backend, Check, Cost, Decision, Limiter, Wait, Verdict};
///
/// #[derive(Clone)]
/// struct Closed(Arc<str>);
///
/// impl Backend for Closed {
///     type Error = Infallible;
///     type Future = Ready<Result<Decision, Infallible>>;
/// }
///
/// impl<K: ?Sized> Limiter<K> for Closed {
///     fn name(&self, _key: &K) -> Arc<str> {
///         self.0.clone()
///     }
///
///     fn check(&self, _key: &K, _cost: Cost) -> Check<Self::Future> {
///         let an_hour = Duration::from_secs(3_600);
///         Check::Now(Decision::new(Verdict::Deny, 1, 0, Some(an_hour), an_hour))
///     }
///
///     fn until_ready(&self, key: &K, cost: Cost, _patience: Wait) -> Check<Self::Future> {
///         self.check(key, cost)
///     }
/// }
/// ```
///
/// A layer whose key is not one of its limiter's does not compile:
///
/// ```compile_fail,E0277
/// use http::{Request, Response};
/// use sluicegate::{key, limit::{Local, Quota, RateLimitLayer, TokenBucket}};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// // One bucket for all, which no header can choose from: it wants `Local::keyed`.
/// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
/// let layer = RateLimitLayer::new(limiter).key(key::header("x-api-key"));
/// let service = layer.layer(service_fn(|_: Request<()>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// }));
/// let _ = ServiceExt::oneshot(service, Request::new(()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not limit by the key `{K}`",
    label = "not a `Limiter` for this key",
    note = "give the layer a key that the limiter goes by, with `.key(..)`: `Local::keyed` takes any \
            key that implements `Hash`, `Local::direct` takes `key::Global`, `Redis` a key that \
            implements `Hash` and `StoreKey`, `Tiers` a pair of the tier and its limiter's key, and \
            `All` a tuple with a key for each limiter, or one key after `.one_key()`"
)]
pub trait Limiter<K: ?Sized>: Backend {
    /// The name of the limit that this key falls under, as clients and logs
    /// see it.
    fn name(&self, key: &K) -> Arc<str>;

    /// The name of the limit that made this decision, where several stand behind
    /// one key, as in [`All`](super::All): a limiter that only passes on what
    /// others decide has to ask them.
    #[inline]
    fn speaker(&self, key: &K, decision: &Decision) -> Arc<str> {
        let _ = decision;
        self.name(key)
    }

    /// The same for when the decision comes later, and the key is gone.
    fn names(&self, key: &K) -> Names {
        Names::one(self.name(key))
    }

    /// Takes `cost` from the budget of `key` if it is there. Does not sleep: a
    /// verdict of `Queue` is for the caller to obey. The layer asks so in shadow
    /// mode, where nobody waits.
    fn check(&self, key: &K, cost: Cost) -> Check<Self::Future>;

    /// Takes `cost`, or books it and sleeps until it is there, within the
    /// bounds of `wait`. The layer asks so, with [`Wait::none`] unless
    /// it is told to wait. Never answers `Now` with a verdict of `Queue`: whoever
    /// asks here takes an admission for one that need not wait any more. The place in the line is booked by the call
    /// itself, and given back when the future is dropped.
    fn until_ready(&self, key: &K, cost: Cost, wait: Wait) -> Check<Self::Future>;

    /// The same for a caller that tells its own callers what each of several limits
    /// has said: a limiter that consists of several notes it in `others` before it
    /// answers. A limiter that only passes on what others decide has to pass this
    /// on, too.
    #[inline]
    fn until_ready_noting(
        &self,
        key: &K,
        cost: Cost,
        wait: Wait,
        others: &mut Others,
    ) -> Check<Self::Future> {
        let _ = others;
        self.until_ready(key, cost, wait)
    }
}

/// The names of all the limits that may speak for a key.
#[derive(Clone, Debug)]
pub struct Names {
    own: Arc<str>,
    /// Empty where there is one limit.
    parts: Vec<Arc<str>>,
}

impl Names {
    /// Those of a limiter that is one limit.
    pub fn one(name: Arc<str>) -> Self {
        let (own, parts) = (name, Vec::new());
        Self { own, parts }
    }

    pub(super) fn each(own: Arc<str>, parts: Vec<Arc<str>>) -> Self {
        Self { own, parts }
    }

    /// The name of the limiter itself, for when there is no decision.
    pub fn own(&self) -> &Arc<str> {
        &self.own
    }

    /// The name of the limit that made this decision.
    pub fn speaker(&self, decision: &Decision) -> &Arc<str> {
        self.parts.get(decision.part()).unwrap_or(&self.own)
    }
}

/// A decision, at once or later.
///
/// It is a future itself, for those who do not mind which.
#[derive(Debug)]
#[must_use = "a decision is there to be obeyed"]
pub enum Check<F> {
    /// Decided.
    Now(Decision),
    /// Still to be decided, or decided and waiting for its turn.
    Later(F),
}

impl<F, E> Future for Check<F>
where
    F: Future<Output = Result<Decision, E>> + Unpin,
{
    type Output = Result<Decision, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(decision) => Poll::Ready(Ok(*decision)),
            Self::Later(future) => Pin::new(future).poll(cx),
        }
    }
}

/// How long, and in what company, a caller is ready to wait.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::limit::Wait;
///
/// let wait = Wait::up_to(Duration::from_millis(500)).queue(20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// `None` is as long as the limit's own queue takes, if it has one.
    pub(crate) max_wait: Option<Duration>,
    pub(crate) max_queue: usize,
    /// Whose turn comes later does not wait for it.
    deadline: Option<Deadline>,
}

impl Wait {
    /// Waits only where the limit itself has a queue, as a
    /// [`LeakyBucket`](super::LeakyBucket) does, and there as long as it takes.
    pub const fn none() -> Self {
        Self {
            max_wait: None,
            max_queue: usize::MAX,
            deadline: None,
        }
    }

    /// Waits no longer than this; who would have to is refused at once. The
    /// queue is bounded at 1,024.
    pub const fn up_to(max_wait: Duration) -> Self {
        Self {
            max_wait: Some(max_wait),
            max_queue: 1_024,
            deadline: None,
        }
    }

    /// Refuses at once whoever finds this many already waiting for the same
    /// budget.
    #[must_use]
    pub const fn queue(self, max_queue: usize) -> Self {
        Self { max_queue, ..self }
    }

    /// Refuses at once whose turn would come after the deadline. A layer says so
    /// by itself of the [current](crate::deadline::current) one.
    #[must_use]
    pub const fn before(self, deadline: Deadline) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// How many ticks to wait at most, where a limit by itself has its callers
    /// wait for `own`.
    pub(crate) fn longest(&self, own: Tick) -> Tick {
        let wait = self.max_wait.map_or(own, ticks);
        match self.deadline {
            Some(deadline) if wait > 0 => wait.min(ticks(deadline.remaining())),
            _ => wait,
        }
    }

    /// The longest wait; `None` is as long as the limit's own queue takes, and
    /// no wait at all where it has none.
    pub const fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// How many may wait already.
    pub const fn max_queue(&self) -> usize {
        self.max_queue
    }
}

/// As [`Wait::up_to`].
impl From<Duration> for Wait {
    fn from(max_wait: Duration) -> Self {
        Self::up_to(max_wait)
    }
}
