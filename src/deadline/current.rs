//! The deadline of what runs at present, without handing it around.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::Deadline;

tokio::task_local! {
    static CURRENT: Option<Deadline>;
}

/// The deadline of the work that this is called from, if it has one.
///
/// A layer that enforces deadlines sets it for the handler, and [`scope`] for
/// any other future. A task that is spawned has none, unless its future is
/// [carried](carry) there.
#[inline]
pub fn current() -> Option<Deadline> {
    CURRENT.try_with(|current| *current).ok().flatten()
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
    let earlier = current().map_or(deadline, |current| current.min(deadline));
    Scope::new(Some(earlier), work)
}

/// Takes the current deadline along into another task.
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
    Scope::new(current(), work)
}

/// Runs `work` without a deadline, for what has to be finished once it was
/// begun: an audit entry, the giving back of a lock. Calls that it makes to
/// others are not told of the request's deadline.
///
/// When the request's own future is dropped, what is in it goes along; so spawn
/// what is to survive.
pub fn detach<F: Future>(work: F) -> Scope<F> {
    Scope::new(None, work)
}

/// Does `work`, which does not wait, under a deadline.
#[inline]
pub(super) fn within<T>(deadline: Deadline, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(Some(deadline), work)
}

pin_project! {
    /// The future of [`scope`], [`carry`] and [`detach`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        #[pin]
        work: TaskLocalFuture<Option<Deadline>, F>,
    }
}

impl<F: Future> Scope<F> {
    pub(super) fn new(deadline: Option<Deadline>, work: F) -> Self {
        Self {
            work: CURRENT.scope(deadline, work),
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
