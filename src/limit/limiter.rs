//! The contract of a limiter, by which layers and adaptors ask it, and how long
//! a caller is ready to wait.

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

/// The types of a limiter's decisions, whatever its keys are.
pub trait Backend {
    /// The error of a failed check; `Infallible` if the state is in process.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// A decision that is not made at once, or that waits for its turn.
    type Future: Future<Output = Result<Decision, Self::Error>>;

    /// Returns the name under which requests without a key are counted, because
    /// no limit can be found for them: that of the limiter itself. Empty unless
    /// overridden.
    fn label(&self) -> Arc<str> {
        Arc::default()
    }

    /// Returns the name of the limit if all keys have the same one, as
    /// [`Limiter::name`] returns it. The layer reads it when it marks a response,
    /// so that it need not keep a name for each request. `None` unless
    /// overridden.
    #[inline]
    fn only_name(&self) -> Option<&str> {
        None
    }

    /// Whether the limit itself may make a request wait whose caller does not
    /// ask to, as the queue of a [`LeakyBucket`](super::LeakyBucket) does. If
    /// not, the layer does not look for the request's deadline. `true` unless
    /// overridden.
    #[inline]
    fn queues(&self) -> bool {
        true
    }
}

/// Decides by key. The layer, the adaptors and your own code ask it, whether
/// the state is in process, as in [`Local`](super::Local), or elsewhere.
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
///     fn until_ready(&self, key: &K, cost: Cost, _wait: Wait) -> Check<Self::Future> {
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
    /// Returns the name of the limit for this key, as clients and logs see it.
    fn name(&self, key: &K) -> Arc<str>;

    /// Returns the name of the limit that made this decision, if there are
    /// several for one key, as in [`All`](super::All). A limiter that wraps
    /// others has to ask them.
    #[inline]
    fn limit_of(&self, key: &K, decision: &Decision) -> Arc<str> {
        let _ = decision;
        self.name(key)
    }

    /// Returns the names of all limits for this key. The layer keeps them until
    /// a later decision is made, when the key is gone.
    fn names(&self, key: &K) -> LimitNames {
        LimitNames::one(self.name(key))
    }

    /// Takes `cost` from the budget of `key` if it is there. Does not sleep:
    /// after a verdict of `Queue` the caller has to. The layer calls it in
    /// shadow mode, where no request waits.
    fn check(&self, key: &K, cost: Cost) -> Check<Self::Future>;

    /// Takes `cost`, or books it and sleeps until it is there, within the
    /// bounds of `wait`. The layer calls it, with [`Wait::none`] unless it is
    /// told to wait. Never returns `Now` with a verdict of `Queue`, because
    /// callers take an admission for one that need not wait any more. The call
    /// itself books the place in the queue, and the future gives it back when
    /// it is dropped.
    fn until_ready(&self, key: &K, cost: Cost, wait: Wait) -> Check<Self::Future>;

    /// Like [`until_ready`](Self::until_ready), and notes the decision of each
    /// limit in `others` if there are several, before it returns its own. The
    /// layer calls it if responses list all limits. A limiter that wraps others
    /// has to pass the call on.
    #[inline(always)]
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

/// The names of all limits that may make the decision for a key.
///
/// ```
/// use sluicegate::limit::{LimitNames, Limiter, Local, Quota, TokenBucket};
///
/// let rule = TokenBucket::new(Quota::per_second(10));
/// let limiter = Local::builder(rule).name("api").direct();
/// let names: LimitNames = limiter.names(&());
/// assert_eq!(&**names.limit_of(&limiter.check(1)), "api");
/// ```
#[derive(Clone, Debug)]
pub struct LimitNames {
    own: Arc<str>,
    /// By the index that a decision carries. Empty if there is one limit.
    parts: Vec<Arc<str>>,
}

impl LimitNames {
    /// The name of a limiter that is one limit.
    pub fn one(name: Arc<str>) -> Self {
        let (own, parts) = (name, Vec::new());
        Self { own, parts }
    }

    /// The names of a limiter that consists of several, in their order.
    pub(super) fn each(own: Arc<str>, parts: Vec<Arc<str>>) -> Self {
        Self { own, parts }
    }

    /// Returns the name of the limiter itself. It stands for all of them if a
    /// check fails.
    pub fn own(&self) -> &Arc<str> {
        &self.own
    }

    /// Returns the name of the limit that made this decision.
    pub fn limit_of(&self, decision: &Decision) -> &Arc<str> {
        self.parts.get(decision.part()).unwrap_or(&self.own)
    }
}

/// A decision, at once or later.
///
/// Most checks are decided at once, and need no future. A caller that does not
/// mind the difference can await the check itself:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::limit::{Check, Limiter, Local, Quota, TokenBucket};
///
/// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(10)));
/// let check = Limiter::check(&limiter, "alice", 1);
/// assert!(matches!(check, Check::Now(_)));
/// assert!(check.await.is_ok_and(|decision| decision.is_admitted()));
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a decision is there to be obeyed"]
pub enum Check<F> {
    /// Decided.
    Now(Decision),
    /// Not yet decided, or decided and waiting for its turn.
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

/// How long a caller is ready to wait, and behind how many others.
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
    /// How many may wait already.
    pub(crate) max_queue: usize,
    /// A caller whose turn comes later is denied at once.
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

    /// Waits no longer than this: a caller that would have to is denied at
    /// once. At most 1,024 wait for the same budget, unless
    /// [`queue`](Self::queue) is set.
    pub const fn up_to(max_wait: Duration) -> Self {
        Self {
            max_wait: Some(max_wait),
            max_queue: 1_024,
            deadline: None,
        }
    }

    /// Denies a caller at once that finds this many already waiting for the
    /// same budget in this process. With state in Redis, callers whose check is
    /// under way count as waiting, and those of other processes do not count.
    #[must_use]
    pub const fn queue(self, max_queue: usize) -> Self {
        Self { max_queue, ..self }
    }

    /// Denies a caller at once whose turn would come after the deadline. A
    /// layer sets the [current](crate::deadline::current) one by itself.
    #[must_use]
    pub const fn before(self, deadline: Deadline) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// Returns how many ticks to wait at most, if the limit by itself lets its
    /// callers wait for `own`.
    pub(crate) fn longest(&self, own: Tick) -> Tick {
        let wait = self.max_wait.map_or(own, ticks);
        match self.deadline {
            Some(deadline) if wait > 0 => wait.min(ticks(deadline.remaining())),
            _ => wait,
        }
    }

    /// Returns the longest wait; `None` is as long as the limit's own queue
    /// takes, and no wait at all if it has none.
    pub const fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// Returns how many may wait already.
    pub const fn max_queue(&self) -> usize {
        self.max_queue
    }
}

/// The same as [`Wait::up_to`].
impl From<Duration> for Wait {
    fn from(max_wait: Duration) -> Self {
        Self::up_to(max_wait)
    }
}
