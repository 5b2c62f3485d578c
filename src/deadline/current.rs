//! The deadline of what runs at present, without handing it around.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::{Cancellation, Deadline, enforce::request_scope};

tokio::task_local! {
    static CURRENT: Current;
}

/// The deadline of a piece of work.
#[derive(Clone, Debug, Default)]
struct Current {
    deadline: Option<Deadline>,
    /// The signal of the request that it is of, in another task: it says whether the
    /// deadline still counts.
    request: Option<Cancellation>,
}

impl Current {
    fn of(deadline: Option<Deadline>) -> Self {
        let request = None;
        Self { deadline, request }
    }

    fn deadline(&self) -> Option<Deadline> {
        let is_lifted = self.request.as_ref().is_some_and(Cancellation::is_lifted);
        self.deadline.filter(|_| !is_lifted)
    }

    /// That of the work that this is called from, for another task.
    fn carried() -> Self {
        let mut current = CURRENT.try_with(Self::clone).unwrap_or_default();
        if current.request.is_none()
            && let Some(deadline) = current.deadline
        {
            current.request = request_scope::signal_under(deadline);
        }
        current
    }
}

/// The deadline of the work that this is called from, and the signal of the request
/// that it is of, if that is in another task.
pub(super) fn present() -> (Option<Deadline>, Option<Cancellation>) {
    let present = |current: &Current| (current.deadline(), current.request.clone());
    CURRENT.try_with(present).unwrap_or_default()
}

/// The deadline of the work that this is called from, if it has one.
///
/// A layer that enforces deadlines sets it for the handler, and [`scope`] for
/// any other future. A task that is spawned has none, unless its future is
/// [carried](carry) there.
#[inline]
pub fn current() -> Option<Deadline> {
    CURRENT.try_with(Current::deadline).ok().flatten()
}

/// Runs `work` under a deadline: under the earlier of this one and the
/// [current](current) one at the time of the call.
///
/// It tells, and stops nothing; for that, see [`Deadline::passed`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::deadline::{self, Deadline};
///
/// let second = Deadline::after(Duration::from_secs(1));
/// let hour = Deadline::after(Duration::from_secs(3_600));
/// deadline::scope(second, async move {
///     assert_eq!(deadline::current(), Some(second));
///     deadline::scope(hour, async move {
///         assert_eq!(deadline::current(), Some(second));
///     })
///     .await;
/// })
/// .await;
/// assert_eq!(deadline::current(), None);
/// # }
/// ```
pub fn scope<F: Future>(deadline: Deadline, work: F) -> Scope<F> {
    match current() {
        Some(earlier) if earlier <= deadline => carry(work),
        _ => Scope::new(Current::of(Some(deadline)), work),
    }
}

/// Takes the current deadline along into another task. It does not count there any
/// more once it does not for the request: after the head of a response that it does
/// not [cover](super::Coverage) beyond that.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::deadline::{self, Deadline};
///
/// let second = Deadline::after(Duration::from_secs(1));
/// deadline::scope(second, async move {
///     let carried = tokio::spawn(deadline::carry(async { deadline::current() }));
///     assert_eq!(carried.await.unwrap(), Some(second));
///     let bare = tokio::spawn(async { deadline::current() });
///     assert_eq!(bare.await.unwrap(), None);
/// })
/// .await;
/// # }
/// ```
pub fn carry<F: Future>(work: F) -> Scope<F> {
    Scope::new(Current::carried(), work)
}

/// Runs `work` without a deadline, for what has to be finished once it was
/// begun: an audit entry, the giving back of a lock. Calls that it makes to
/// others are not told of the request's deadline.
///
/// When the request's own future is dropped, what is in it goes along; so spawn
/// what is to survive.
pub fn detach<F: Future>(work: F) -> Scope<F> {
    Scope::new(Current::default(), work)
}

/// Does `work`, which does not wait, under a deadline, or without one.
#[inline]
pub(super) fn within<T>(deadline: Option<Deadline>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(Current::of(deadline), work)
}

pin_project! {
    /// The future of [`scope`], [`carry`] and [`detach`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        #[pin]
        work: TaskLocalFuture<Current, F>,
    }
}

impl<F: Future> Scope<F> {
    fn new(current: Current, work: F) -> Self {
        Self {
            work: CURRENT.scope(current, work),
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().work.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_detached_has_none_and_what_is_carried_keeps_it() {
        let deadline = Deadline::after(Duration::from_secs(1));
        scope(deadline, async move {
            detach(async { assert_eq!(current(), None) }).await;
            let carried = carry(async { current() });
            let elsewhere = tokio::spawn(carried).await.unwrap();
            assert_eq!(elsewhere, Some(deadline));
            assert_eq!(current(), Some(deadline));
        })
        .await;
        assert_eq!(current(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn neighbours_in_one_task_do_not_see_each_other() {
        let (one, two) = (1, 2);
        let ask = |seconds| {
            let deadline = Deadline::after(Duration::from_secs(seconds));
            scope(deadline, async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    assert_eq!(current(), Some(deadline));
                }
            })
        };
        tokio::join!(ask(one), ask(two));
    }
}
